import {
  bullmqOnPostgres,
  bullmqOnRedis,
  celery,
  dbosDirect,
  dbosQueued,
  pgBoss,
  reeveOnPostgres,
  reeveOnRedis,
} from '../contenders.ts';
import { inTurns, rowsOf, type Bench, type Row } from '../measure.ts';

const flows = { ...bullmqOnRedis, name: 'BullMQ flow on Redis' };

/** A group of members that do nothing, and a callback when all have ended. */
export async function groupWithCallback(bench: Bench): Promise<Row[]> {
  const size = bench.size.quick ? 100 : 1_000;
  const contenders = [reeveOnRedis, reeveOnPostgres, flows, bullmqOnPostgres, dbosQueued, dbosDirect, celery];
  const figures = await inTurns(bench, contenders, (contestant) => contestant.ask<number>('group', { size }));
  return rowsOf({ question: `a group of ${size} with its callback`, unit: 'ms', ours: reeveOnRedis.name }, figures, {
    [flows.name]: { kind: 'at most', ratio: 1 },
  });
}

/** Ten keys, each with tasks of 20 ms of which four may run at once. */
export async function throttledKeys(bench: Bench): Promise<Row[]> {
  const args = { keys: 10, tasks: bench.size.quick ? 20 : 100, ms: 20, limit: 4 };
  const ideal = (args.tasks / args.limit) * args.ms;
  const contenders = [reeveOnRedis, reeveOnPostgres, bullmqOnRedis, bullmqOnPostgres, dbosQueued, pgBoss];
  const figures = await inTurns(bench, contenders, async (contestant) => {
    const { ms, most } = await contestant.ask<{ ms: number; most: number }>('throttle', args);
    if (most > args.limit) bench.note(`${contestant.name} let ${most} run at once where ${args.limit} may`);
    return ms;
  });
  figures.set('the ideal', { median: ideal, least: ideal, most: ideal, runs: bench.size.rounds });
  const question = `10 keys × ${args.tasks} tasks of 20 ms, four at once for each key`;
  return rowsOf({ question, unit: 'ms', ours: reeveOnRedis.name }, figures, {
    'the ideal': { kind: 'at most', ratio: 1.1 },
  });
}
