/**
 * A small application that runs as a process of its own: `node child-app.ts MODE` with TEST_URL and, for the Redis
 * lane, TEST_REDIS. What it does outside is written to the table `call`, so that the test sees it whoever dies.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { DataSource, EntitySchema } from 'typeorm';
import {
  createLogger,
  defineActionExecutor,
  defineReeve,
  defineResource,
  lifecycle,
  resourceColumns,
  type BackendContext,
} from '../../src/index.ts';
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

/** The application on a database; the executors are the same in every process. */
export function childApp(url: string, redis: string | undefined) {
  const dataSource = new DataSource({ type: 'postgres', url, entities: [ThingSchema], installExtensions: false });
  const thing = defineResource(ThingSchema, {
    name: 'test.thing',
    states: lifecycle,
    backend: (_thing, context) => new ThingBackend(dataSource, context),
  });
  const quick = defineActionExecutor(thing, { name: 'thing.quick', plan: (p) => p.call('quick') });
  const slow = defineActionExecutor(thing, { name: 'thing.slow', plan: (p) => p.call('slow').call('quick') });
  const reeve = defineReeve({
    dataSource,
    redis,
    executors: [quick, slow],
    timing: quickTiming,
    logger: createLogger((process.env['REEVE_TEST_LOG'] as 'debug' | undefined) ?? 'silent'),
  });
  return { dataSource, reeve, quick, slow };
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
    await reeve.startWorker();
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
