import { Contestant, type Contender } from './contestant.ts';
import type { BenchServers } from './servers.ts';

/** Medians with least and most, of one contestant. */
export interface Figure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly runs: number;
}

/** One line of the result: ours beside a peer, or beside a limit. */
export interface Row {
  readonly question: string;
  readonly ours: number;
  /** What ours is compared with: a figure of a peer, or the goal itself where there is none. */
  readonly peer: number;
  readonly ratio: number;
  readonly goal: string;
  readonly met: boolean;
  readonly unit: string;
  readonly oursName: string;
  readonly peerName: string;
  readonly oursRange: readonly [number, number];
  readonly peerRange: readonly [number, number];
  readonly runs: number;
}

/** How much is done; the quick run shows that everything works, its figures are not to be quoted. */
export interface Size {
  readonly quick: boolean;
  readonly rounds: number;
  readonly chains: number;
  readonly concurrency: number;
}

export interface Bench {
  /** Whether the peers take part. */
  readonly peers: boolean;
  readonly size: Size;
  readonly servers: BenchServers;
  /** By name, what was measured with. */
  readonly versions: Record<string, string>;
  note(text: string): void;
}

export function figure(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const [least = Number.NaN] = sorted;
  return {
    median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
    least,
    most: sorted.at(-1) ?? Number.NaN,
    runs: sorted.length,
  };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/**
 * All contestants are started, each is asked once to warm up, and then they take turns, so that whatever else the machine
 * does meets all of them; those whose turn it is not are frozen. One that cannot be started or cannot answer is left out,
 * with a note.
 *
 * @returns By name, in the order of the contenders; more is better or worse as `ask` means it.
 */
export async function inTurns(
  bench: Bench,
  contenders: readonly Contender[],
  ask: (contestant: Contestant, round: number) => Promise<number>,
): Promise<Map<string, Figure>> {
  const running: Contestant[] = [];
  try {
    for (const contender of contenders) {
      const contestant = await started(bench, contender);
      if (contestant !== undefined) running.push(contestant);
    }
    const values = new Map(running.map(({ name }) => [name, [] as number[]]));
    for (let round = -1; round < bench.size.rounds; round += 1) {
      for (const contestant of running) {
        if (!values.has(contestant.name)) continue;
        for (const other of running) if (other !== contestant) other.freeze();
        await contestant.thaw();
        try {
          const value = await ask(contestant, round);
          if (round >= 0) values.get(contestant.name)?.push(value);
        } catch (error) {
          values.delete(contestant.name);
          bench.note(`${contestant.name} has no figure: ${Error.isError(error) ? error.message : String(error)}`);
        }
      }
    }
    return new Map([...values].map(([name, found]) => [name, figure(found)]));
  } finally {
    for (const contestant of running) await contestant.stop();
  }
}

async function started(bench: Bench, contender: Contender): Promise<Contestant | undefined> {
  if (!bench.peers && contender.program.includes('peers')) return undefined;
  if (contender.needs !== 'postgres' && !bench.servers.hasRedis) {
    bench.note(`${contender.name} is left out: there is no redis-server on the PATH`);
    return undefined;
  }
  const env = { CONCURRENCY: String(bench.size.concurrency), ...contender.env };
  try {
    const contestant = await Contestant.start({ ...contender, env }, bench.servers);
    Object.assign(bench.versions, contestant.versions);
    return contestant;
  } catch (error) {
    bench.note(`${contender.name} is left out: ${Error.isError(error) ? error.message : String(error)}`);
    return undefined;
  }
}

export interface Goal {
  /** `at least` for what is the better the more; `at most` for times. */
  readonly kind: 'at least' | 'at most';
  readonly ratio: number;
}

/** Ours against each peer that has a figure; the goal holds for those that it names, the others are for comparison. */
export function rowsOf(
  { question, unit, ours }: { readonly question: string; readonly unit: string; readonly ours: string },
  figures: ReadonlyMap<string, Figure>,
  goals: Readonly<Record<string, Goal>> = {},
): Row[] {
  const own = figures.get(ours);
  if (own === undefined) return [];
  return [...figures].flatMap(([name, peer]) => {
    if (name === ours) return [];
    const goal = goals[name];
    const ratio = own.median / peer.median;
    return {
      question,
      ours: own.median,
      peer: peer.median,
      ratio,
      goal: goal === undefined ? '' : `${goal.kind} ${goal.ratio} ×`,
      met: goal === undefined || (goal.kind === 'at least' ? ratio >= goal.ratio : ratio <= goal.ratio),
      unit,
      oursName: ours,
      peerName: name,
      oursRange: [own.least, own.most],
      peerRange: [peer.least, peer.most],
      runs: own.runs,
    };
  });
}

/** Ours against a fixed limit, in the same unit. */
export function limitRow(question: string, unit: string, own: Figure, { kind, ratio: limit }: Goal): Row {
  return {
    question,
    ours: own.median,
    peer: limit,
    ratio: own.median / limit,
    goal: `${kind} ${limit} ${unit}`,
    met: kind === 'at least' ? own.median >= limit : own.median <= limit,
    unit,
    oursName: 'Reeve',
    peerName: 'the goal',
    oursRange: [own.least, own.most],
    peerRange: [limit, limit],
    runs: own.runs,
  };
}

interface Compared {
  readonly question: string;
  readonly unit: string;
  readonly atMost: number;
}

/** Ours against ours under other circumstances. */
export function comparison({ question, unit, atMost }: Compared, ours: Figure, before: Figure): Row {
  return {
    question,
    ours: ours.median,
    peer: before.median,
    ratio: ours.median / before.median,
    goal: `at most ${atMost} ×`,
    met: ours.median / before.median <= atMost,
    unit,
    oursName: 'Reeve',
    peerName: 'Reeve without it',
    oursRange: [ours.least, ours.most],
    peerRange: [before.least, before.most],
    runs: ours.runs,
  };
}
