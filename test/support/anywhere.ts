import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource, ObjectLiteral } from 'typeorm';
import { z } from 'zod';
import {
  defineActionExecutor,
  defineCreateExecutor,
  defineDeleteExecutor,
  defineExecutor,
  defineTask,
  type ResourceDefinition,
} from '../../src/index.ts';

interface Named extends ObjectLiteral {
  readonly id: string;
  readonly name: string;
}

/** Where an operation stands when its worker is killed: one for each state in which a step is alive. */
export const standings = [
  'running',
  'ready',
  'retry',
  'countdown',
  'child',
  'group',
  'hold',
  'gate',
  'expand',
] as const;

/**
 * An operation of each kind that comes to each of the standings, and ends once `call` says that it may. What waits for
 * a worker does so in the queue `heavy`.
 */
export function anywhereExecutors<Row extends Named>(thing: ResourceDefinition<Row>, dataSource: DataSource) {
  const input = z.object({ standing: z.enum(standings), name: z.string(), held: z.string().nullable().default(null) });
  const isReleased = async (name: string): Promise<boolean> =>
    (await dataSource.query<unknown[]>(`SELECT 1 FROM call WHERE method = 'go on' AND name = $1`, [name])).length > 0;
  const note = (method: string, name: string, { key, fence }: { key: string; fence: number }): Promise<unknown> =>
    dataSource.query(`INSERT INTO call (pid, method, name, key, fence) VALUES ($1, $2, $3, $4, $5)`, [
      process.pid,
      method,
      name,
      key,
      fence,
    ]);
  const untilReleased = async (name: string): Promise<void> => {
    while (!(await isReleased(name))) await pause(50);
  };
  const slow = defineTask({
    name: 'anywhere.slow',
    input: z.object({ name: z.string() }),
    async run({ name }, { idempotencyKey: key, fence }) {
      await note('slow', name, { key, fence });
      await untilReleased(name);
      return 'done';
    },
  });
  const brief = defineTask({ name: 'anywhere.brief', run: () => 'done' });
  const failOnce = defineTask({
    name: 'anywhere.failOnce',
    input: z.object({ name: z.string() }),
    retry: { attempts: 3, delay: '15s' },
    async run({ name }, { idempotencyKey: key, fence }) {
      await note('fail once', name, { key, fence });
      if (fence === 1) throw new Error('once');
    },
  });
  const child = defineExecutor({
    name: 'anywhere.child',
    input: z.object({ name: z.string() }),
    plan: (p, { name }) => p.run(slow, { name }),
  });
  const create = defineCreateExecutor(thing, {
    name: 'anywhere.create',
    input,
    plan: (p, { standing, name, held }) =>
      p
        // From here on the resource is in its transient state.
        .run(brief)
        .choose(standing === 'running', (q) => q.run(slow, { name }))
        .choose(standing === 'ready', (q) => q.run(brief, undefined, { queue: 'heavy' }))
        .choose(standing === 'retry', (q) => q.run(failOnce, { name }))
        .choose(standing === 'countdown', (q) => q.wait('15s'))
        .choose(standing === 'child', (q) => q.child(child, null, { name }))
        .choose(standing === 'group', (q) => q.groupEach([1, 2, 3], (r) => r.run(slow, { name }), { concurrency: 1 }))
        .choose(standing === 'hold' && held !== null, (q) =>
          q.hold({ resource: thing, id: held ?? '' }, (r) => r.run(slow, { name })),
        )
        .choose(standing === 'gate', (q) =>
          q.when(
            async (row: Row) => {
              await note('gate', row.name, { key: `${row.id}:gate`, fence: 0 });
              await untilReleased(row.name);
              return true;
            },
            (r) => r.run(brief),
          ),
        )
        .choose(standing === 'expand', (q) =>
          q.expand(
            async (row: Row) => {
              await note('expand', row.name, { key: `${row.id}:expand`, fence: 0 });
              await untilReleased(row.name);
              return [1, 2];
            },
            (r, numbers) => r.groupEach(numbers, (s) => s.run(brief)),
          ),
        )
        .run(brief),
  });
  const { plan } = create;
  const update = defineActionExecutor(thing, { name: 'anywhere.update', input, plan: plan as never });
  const remove = defineDeleteExecutor(thing, { name: 'anywhere.remove', input, plan: plan as never });
  return { executors: { create, update, remove }, tasks: [slow, brief, failOnce], child };
}
