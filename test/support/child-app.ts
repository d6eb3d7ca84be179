/**
 * A small application that runs as a process of its own: `node child-app.ts MODE` with TEST_URL and, for the Redis
 * lane, TEST_REDIS. What it does outside is written to the table `call`, so that the test sees it whoever dies.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { DataSource, EntitySchema } from 'typeorm';
import { z } from 'zod';
import {
  createLogger,
  defineActionExecutor,
  defineCreateExecutor,
  defineDeleteExecutor,
  defineReeve,
  defineResource,
  defineTask,
  defineThrottle,
  lifecycle,
  resourceColumns,
  type BackendContext,
} from '../../src/index.ts';
import { anywhereExecutors } from './anywhere.ts';
import { quickTiming } from './quick-timing.ts';

export interface Thing {
  id: string;
  readonly state: string;
  readonly executionId: string | null;
  readonly errorMessage: string;
  name: string;
}

export const ThingSchema = new EntitySchema<Thing>({
  name: 'thing',
  columns: { ...resourceColumns, name: { type: 'text' } },
});

export const callTable = `CREATE TABLE IF NOT EXISTS call (
  id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz DEFAULT clock_timestamp(), pid integer, method text,
  name text, key text, fence bigint)`;

class ThingBackend {
  readonly #dataSource: DataSource;
  readonly #context: BackendContext;

  constructor(dataSource: DataSource, context: BackendContext) {
    this.#dataSource = dataSource;
    this.#context = context;
  }

  async quick(thing: Thing): Promise<string> {
    return this.#note('quick', thing);
  }

  /** Ends only when it is told to, by a row in `call`. */
  async slow(thing: Thing): Promise<string> {
    await this.#note('slow', thing);
    for (;;) {
      const rows: unknown[] = await this.#dataSource.query(`SELECT 1 FROM call WHERE method = 'go on' AND name = $1`, [
        thing.name,
      ]);
      if (rows.length > 0) return 'done';
      await pause(50);
    }
  }

  /** Takes as long as it is told to. */
  async work(thing: Thing): Promise<string> {
    await this.#note('work', thing);
    await pause(Number(process.env['TEST_WORK_MS'] ?? '100'));
    return this.#note('worked', thing);
  }

  /** Whether somebody has said that it may go on. */
  async released(thing: Thing): Promise<boolean> {
    const rows: unknown[] = await this.#dataSource.query(`SELECT 1 FROM call WHERE method = 'go on' AND name = $1`, [
      thing.name,
    ]);
    return rows.length > 0;
  }

  async #note(method: string, thing: Thing): Promise<string> {
    await this.#dataSource.query(`INSERT INTO call (pid, method, name, key, fence) VALUES ($1, $2, $3, $4, $5)`, [
      process.pid,
      method,
      thing.name,
      this.#context.idempotencyKey,
      this.#context.fence,
    ]);
    return method;
  }
}

function thingResource(dataSource: DataSource) {
  return defineResource(ThingSchema, {
    name: 'test.thing',
    states: lifecycle,
    backend: (_thing, context) => new ThingBackend(dataSource, context),
  });
}

/** The application on a database; the executors are the same in every process. */
export function childApp(url: string, redis: string | undefined) {
  const dataSource = new DataSource({ type: 'postgres', url, entities: [ThingSchema], installExtensions: false });
  const thing = thingResource(dataSource);
  const quick = defineActionExecutor(thing, { name: 'thing.quick', plan: (p) => p.call('quick') });
  const slow = defineActionExecutor(thing, { name: 'thing.slow', plan: (p) => p.call('slow').call('quick') });
  const four = defineThrottle(thing, { name: 'four' });
  const provision = defineCreateExecutor(thing, {
    name: 'thing.provision',
    throttle: four,
    plan: (p) => p.call('work'),
  });
  const worked = defineActionExecutor(thing, { name: 'thing.worked', plan: (p) => p.call('work').call('work') });
  const staged = stagedExecutors(thing);
  const { executors: anywhere, tasks, child } = anywhereExecutors(thing, dataSource);
  const { neighbour, poison } = deadlyTasks(dataSource);
  const reeve = defineReeve({
    dataSource,
    redis,
    executors: [quick, slow, provision, worked, child, ...Object.values(staged), ...Object.values(anywhere)],
    tasks: [...tasks, neighbour, poison],
    timing: quickTiming,
    logger: createLogger((process.env['REEVE_TEST_LOG'] as 'debug' | undefined) ?? 'silent'),
  });
  return { dataSource, reeve, quick, slow, provision, worked, staged, anywhere, neighbour, poison };
}

/** One that kills its process, once its neighbours run beside it or do not come, and one that waits to be let go. */
function deadlyTasks(dataSource: DataSource) {
  const note = (method: string): Promise<unknown> =>
    dataSource.query(`INSERT INTO call (pid, method) VALUES ($1, $2)`, [process.pid, method]);
  const count = async (where: string, params: unknown[]): Promise<number> => {
    const [row] = await dataSource.query<{ n: number }[]>(`SELECT count(*)::int AS n FROM call WHERE ${where}`, params);
    return row?.n ?? 0;
  };
  const neighbour = defineTask({
    name: 'neighbour',
    async run() {
      await note('neighbour');
      while ((await count(`method = 'go on'`, [])) === 0) await pause(50);
      return 'survived';
    },
  });
  const poison = defineTask({
    name: 'poison',
    async run() {
      for (let tries = 0; tries < 40; tries += 1) {
        if ((await count(`method = 'neighbour' AND pid = $1`, [process.pid])) === 2) break;
        await pause(50);
      }
      await note('poison');
      process.kill(process.pid, 'SIGKILL');
      await pause(60_000);
    },
  });
  return { neighbour, poison };
}

/** Where an operation stands when its worker is killed. */
export const stages = ['step', 'between', 'poll', 'throttle'] as const;

/** An operation of each kind that comes to each of the stages. */
function stagedExecutors(thing: ReturnType<typeof thingResource>) {
  const input = z.object({ stage: z.enum(stages) });
  const one = defineThrottle(thing, { name: 'one', key: (row: Thing) => row.name.split(' ')[0] ?? '', limit: 1 });
  const create = defineCreateExecutor(thing, {
    name: 'staged.create',
    input,
    plan: (p, { stage }) =>
      p
        .call('quick')
        .choose(stage === 'step', (q) => q.call('slow'))
        .choose(stage === 'between', (q) => q.wait('2s').call('quick'))
        .choose(stage === 'poll', (q) => q.poll('released', { every: '300ms', timeout: '1h' }))
        .choose(stage === 'throttle', (q) => q.throttled(one, (r) => r.call('slow'))),
  });
  const { plan } = create;
  const update = defineActionExecutor(thing, { name: 'staged.update', input, plan: plan as never });
  const remove = defineDeleteExecutor(thing, { name: 'staged.remove', input, plan: plan as never });
  return { create, update, remove };
}

const modes: Record<string, () => Promise<void>> = {
  /** Commits an operation and dies before anything could be published. */
  async 'commit-and-die'() {
    const { dataSource, reeve, quick } = connected();
    await reeve.ready();
    await dataSource.transaction(async (manager) => {
      const thing = await manager.save(ThingSchema, { name: 'orphan', state: 'ok' });
      await reeve.in(manager).execute(quick, thing);
    });
    process.kill(process.pid, 'SIGKILL');
  },
  /** Serves all queues until it is killed. */
  async worker() {
    const { reeve } = connected();
    await reeve.startWorker(
      process.env['TEST_CONCURRENCY'] === undefined
        ? {}
        : { queues: { tasks: Number(process.env['TEST_CONCURRENCY']) } },
    );
    process.stdout.write('ready\n');
    process.once('SIGTERM', () => {
      reeve.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  },
  /** Tries to start an operation on the thing that is named, as soon as it is told to, and prints what it got. */
  async race() {
    const { reeve, quick } = connected();
    await reeve.ready();
    process.stdout.write('ready\n');
    process.stdin.once('data', () => {
      const options = process.env['TEST_KEY'] === undefined ? {} : { idempotencyKey: process.env['TEST_KEY'] };
      reeve
        .execute(quick, process.env['TEST_THING'] ?? '', {}, options)
        .then(
          (scheduled) => process.stdout.write(`${JSON.stringify(scheduled)}\n`),
          (error: unknown) => {
            const { code, message } = error as { code: string; message: string };
            return process.stdout.write(`${JSON.stringify({ code, message })}\n`);
          },
        )
        .then(() => process.exit(0))
        .catch(() => process.exit(1));
    });
  },
};

function connected() {
  return childApp(process.env['TEST_URL'] ?? '', process.env['TEST_REDIS']);
}

if (process.argv[1] === import.meta.filename) await modes[process.argv[2] ?? '']?.();
