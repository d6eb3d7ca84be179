import { Contestant, type Contender } from '../contestant.ts';
import { reeveOnPostgres, reeveOnRedis } from '../contenders.ts';
import { comparison, figure, limitRow, type Bench, type Row } from '../measure.ts';

const players = 20;

/** Commands of players through queue, sandbox and transaction: one after another, by many at once, and by verbs that call verbs. */
export async function verbCommands(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const contender of bench.servers.hasRedis ? [reeveOnRedis, reeveOnPostgres] : [reeveOnPostgres]) {
    rows.push(...(await ofContender(bench, contender)));
  }
  return rows;
}

async function ofContender(bench: Bench, contender: Contender): Promise<Row[]> {
  const { quick, rounds } = bench.size;
  const count = quick ? 20 : 200;
  const contestant = await Contestant.start({ ...contender, env: { WORLD: 'on' } }, bench.servers);
  const median = async (line: string): Promise<number> =>
    figure(await contestant.ask<number[]>('commands', { line, count })).median;
  try {
    await contestant.ask('populate', { players });
    for (const line of ['look', 'single', 'ten']) await contestant.ask('commands', { line, count: 20 });
    const found = { look: [] as number[], single: [] as number[], ten: [] as number[], rate: [] as number[] };
    const each = count / players;
    for (let round = 0; round < rounds; round += 1) {
      found.look.push(await median('look'));
      found.single.push(await median('single'));
      found.ten.push(await median('ten'));
      found.rate.push((count * 1_000) / (await contestant.ask<number>('conversation', { players, each })));
    }
    const { name } = contender;
    return [
      limitRow(`verb command "look", p50, ${name}`, 'ms', figure(found.look), { kind: 'at most', ratio: 15 }),
      limitRow(`"look" by ${players} players, ${name}`, 'per s', figure(found.rate), { kind: 'at least', ratio: 300 }),
      comparison(
        { question: `a verb that calls ten others against one that calls one, ${name}`, unit: 'ms', atMost: 5 },
        figure(found.ten),
        figure(found.single),
      ),
    ];
  } finally {
    await contestant.stop();
  }
}
