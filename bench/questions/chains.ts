import type { Contestant } from '../contestant.ts';
import {
  bullmqOnPostgres,
  bullmqOnRedis,
  dbosQueued,
  everybody,
  reeveOnPostgres,
  reeveOnRedis,
  without,
} from '../contenders.ts';
import { figure, inTurns, rowsOf, type Bench, type Row } from '../measure.ts';

const length = 10;

async function stepsPerSecond(contestant: Contestant, count: number, turns: boolean): Promise<number> {
  return (count * length * 1_000) / (await contestant.ask<number>('chains', { count, length, turns }));
}

/** Chains of ten steps that do nothing, all at once, one worker process. */
export async function chainSteps(bench: Bench): Promise<Row[]> {
  const { chains } = bench.size;
  const figures = await inTurns(bench, everybody, (contestant) => stepsPerSecond(contestant, chains, false));
  return [
    ...rowsOf({ question: 'durable chain, steps per second', unit: 'steps/s', ours: reeveOnRedis.name }, figures, {
      [bullmqOnRedis.name]: { kind: 'at least', ratio: 1.2 },
      [dbosQueued.name]: { kind: 'at least', ratio: 8 },
    }),
    ...rowsOf(
      { question: 'durable chain without Redis, steps per second', unit: 'steps/s', ours: reeveOnPostgres.name },
      figures,
      {
        [dbosQueued.name]: { kind: 'at least', ratio: 4 },
      },
    ),
  ];
}

/** The same, where each step is on another queue than the one before: a job for each step. */
export async function jobForEachStep(bench: Bench): Promise<Row[]> {
  const { chains } = bench.size;
  const contenders = [reeveOnRedis, reeveOnPostgres, bullmqOnRedis, bullmqOnPostgres, dbosQueued];
  const figures = await inTurns(bench, contenders, (contestant) => stepsPerSecond(contestant, chains, true));
  return rowsOf(
    { question: 'chain whose steps change queues, steps per second', unit: 'steps/s', ours: reeveOnRedis.name },
    figures,
    {
      [bullmqOnRedis.name]: { kind: 'at least', ratio: 0.6 },
      [dbosQueued.name]: { kind: 'at least', ratio: 3 },
    },
  );
}

/** One chain of ten steps on an idle system. */
export async function loneChain(bench: Bench): Promise<Row[]> {
  const rounds = bench.size.quick ? 3 : 20;
  const figures = await inTurns(bench, everybody, async (contestant) => {
    return figure(await contestant.ask<number[]>('lone', { rounds, length })).median;
  });
  return [
    ...rowsOf({ question: 'a lone chain of ten', unit: 'ms', ours: reeveOnRedis.name }, figures, {
      [bullmqOnRedis.name]: { kind: 'at most', ratio: 1 },
    }),
    ...rowsOf({ question: 'a lone chain of ten without Redis', unit: 'ms', ours: reeveOnPostgres.name }, figures),
  ];
}

/** What continuation and group commit bring: the same chains with one of them switched off. */
export async function whatEachPartBrings(bench: Bench): Promise<Row[]> {
  const chains = Math.ceil(bench.size.chains / 4);
  const rows: Row[] = [];
  for (const whole of [reeveOnRedis, reeveOnPostgres]) {
    const parts = [without(whole, 'CONTINUATION'), without(whole, 'GROUP_COMMIT')];
    const neither = without(without(whole, 'CONTINUATION'), 'GROUP_COMMIT');
    const figures = await inTurns(bench, [whole, ...parts, neither], (contestant) =>
      stepsPerSecond(contestant, chains, false),
    );
    rows.push(
      ...rowsOf({ question: 'what continuation and group commit bring', unit: 'steps/s', ours: whole.name }, figures),
    );
  }
  return rows;
}
