import { bullmqOnRedis, dbosQueued, graphileWorker, pgBoss, reeveOnPostgres, reeveOnRedis } from '../contenders.ts';
import { figure, inTurns, limitRow, percentile, rowsOf, type Bench, type Row } from '../measure.ts';

/** From the call, which commits, to the first line of the first step, with nothing else to do. */
export async function startAfterCommit(bench: Bench): Promise<Row[]> {
  const count = bench.size.quick ? 10 : 300;
  const late: number[] = [];
  const contenders = [reeveOnRedis, reeveOnPostgres, bullmqOnRedis, dbosQueued, pgBoss, graphileWorker];
  const figures = await inTurns(bench, contenders, async (contestant, round) => {
    const times = await contestant.ask<number[]>('starts', { count, everyMs: 20 });
    if (contestant.name === reeveOnRedis.name && round >= 0) late.push(percentile(times, 0.99));
    return figure(times).median;
  });
  const own = figures.get(reeveOnRedis.name);
  if (own === undefined) return [];
  const question = 'from the call to the first step, idle';
  return [
    limitRow(`${question}, p50`, 'ms', own, { kind: 'at most', ratio: 5 }),
    limitRow(`${question}, p99`, 'ms', figure(late), { kind: 'at most', ratio: 20 }),
    ...rowsOf({ question: `${question}, p50`, unit: 'ms', ours: reeveOnRedis.name }, figures),
  ];
}

/** What it costs to ask for an operation, beside what a caller pays for any row of his. */
export async function scheduling(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  const asker = { ...reeveOnPostgres, name: 'Reeve', env: { WORKER: 'off' } };
  for (const how of ['one at a time', '100 callers'] as const) {
    const count = bench.size.quick ? 100 : 2_000;
    const inserts: number[] = [];
    const figures = await inTurns(bench, [asker], async (contestant, round) => {
      const plain = (count * 1_000) / (await contestant.ask<number>('insert', { how, count }));
      if (round >= 0) inserts.push(plain);
      return (count * 1_000) / (await contestant.ask<number>('schedule', { how, count, length: 1 }));
    });
    figures.set('a row of one column, committed', figure(inserts));
    rows.push(
      ...rowsOf({ question: `operations scheduled, ${how}`, unit: 'per s', ours: asker.name }, figures, {
        'a row of one column, committed': { kind: 'at least', ratio: 0.8 },
      }),
    );
  }
  const count = bench.size.quick ? 100 : 2_000;
  const figures = await inTurns(bench, [asker], async (contestant) => {
    const ms = await contestant.ask<number>('schedule', { how: 'in bulk', count, length: 10 });
    return (count * 10 * 1_000) / ms;
  });
  const own = figures.get(asker.name);
  if (own !== undefined) {
    rows.push(limitRow('steps scheduled in bulk', 'steps/s', own, { kind: 'at least', ratio: 20_000 }));
  }
  return rows;
}
