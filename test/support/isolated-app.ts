/**
 * An application whose heavy steps are isolated: its default export makes the same Reeve again from the query of its URL,
 * as a thread or a process imports it. What its code does is written to the table `seen`, with the thread that did it.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import {
  backendRejected,
  createLogger,
  defineActionExecutor,
  definePullTask,
  defineReeve,
  defineResource,
  defineTask,
  lifecycle,
  type BackendContext,
  type Reeve,
  type ReeveOptions,
} from '../../src/index.ts';
import { ThingSchema, type Thing } from './child-app.ts';
import { quickTiming } from './quick-timing.ts';

export const seenTable = `CREATE TABLE IF NOT EXISTS seen (
  id bigint GENERATED ALWAYS AS IDENTITY, what text, os_thread text, pid integer, data jsonb)`;

type Note = (what: string, data?: unknown) => Promise<void>;

/** Linux tells each thread apart; it is gone when its folder in /proc is. */
const osThread = (): string => readlinkSync('/proc/thread-self');

function stubbornTasks(note: Note) {
  const spin = defineTask({
    name: 'spin',
    queue: 'heavy',
    timeLimit: '1s',
    run: async () => {
      await note('spin');
      while (true);
    },
  });
  const churn = defineTask({
    name: 'churn',
    queue: 'heavy',
    timeLimit: '1s',
    run: async () => {
      await note('churn');
      // Once optimised, this is the loop out of which V8 takes its check for a termination.
      // oxlint-disable-next-line unicorn/no-new-array -- Array.from is no such loop
      while (true) new Array(1_000).fill(1.5);
    },
  });
  const deaf = defineTask({
    name: 'deaf',
    queue: 'heavy',
    run: async () => {
      await note('deaf');
      while (true);
    },
  });
  const exit = defineTask({
    name: 'exit',
    queue: 'heavy',
    run: async () => {
      await note('exit');
      process.exit(1);
    },
  });
  const hungry = defineTask({
    name: 'hungry',
    queue: 'heavy',
    run: async () => {
      await note('hungry');
      const kept: Buffer[] = [];
      while (true) {
        kept.push(Buffer.alloc(4_000_000, 1));
        await pause(5);
      }
    },
  });
  const beget = async (what: string): Promise<void> => {
    const child = spawn('sleep', ['600'], { stdio: 'ignore' });
    await note(what, { grandchild: child.pid });
    while (true);
  };
  const parent = defineTask({ name: 'parent', queue: 'heavy', timeLimit: '1s', run: () => beget('parent') });
  const keeper = defineTask({ name: 'keeper', queue: 'heavy', run: () => beget('keeper') });
  const native = defineTask({
    name: 'native',
    queue: 'heavy',
    timeLimit: '500ms',
    run: async () => {
      await note('native');
      execFileSync('sleep', ['600']);
    },
  });
  return { spin, churn, deaf, exit, hungry, parent, keeper, native };
}

function politeTasks(note: Note) {
  const where = defineTask({
    name: 'where',
    queue: 'heavy',
    run: async (_input, context) => {
      context.logger.info({ event: 'test.where', from: 'inside', odd: () => 1 }, 'a line from inside');
      await context.progress(40, 'halfway');
      return { pid: process.pid, osThread: osThread(), fence: context.fence, key: context.idempotencyKey };
    },
  });
  const echo = defineTask({
    name: 'echo',
    queue: 'heavy',
    input: z.object({ text: z.string() }),
    run: ({ text }) => ({ text, parts: [1, null, { deep: true }] }),
  });
  const throws = defineTask({
    name: 'throws',
    queue: 'heavy',
    input: z.object({ how: z.enum(['rejected', 'nul', 'cyclic', 'null', 'date', 'retryable']) }),
    run: ({ how }, context) => {
      if (how === 'rejected') throw backendRejected('not like this');
      if (how === 'nul') throw new Error('a\u0000b');
      if (how === 'null') throw null as unknown as Error;
      if (how === 'date') return { at: new Date(0) };
      if (how === 'retryable' && context.attempt > 1) return 'second time';
      if (how === 'retryable') throw Object.assign(new Error('passing'), { retryable: true });
      const cyclic = new Error('outer');
      cyclic.cause = cyclic;
      throw cyclic;
    },
  });
  const polite = defineTask({
    name: 'polite',
    queue: 'heavy',
    softTimeLimit: '300ms',
    timeLimit: '60s',
    run: async (_input, { signal }) => {
      await note('polite');
      await pause(60_000, undefined, { signal }).catch(() => {
        throw signal.reason;
      });
    },
  });
  const patient = defineTask({
    name: 'patient',
    queue: 'heavy',
    interruptible: true,
    run: async (_input, { signal, attempt, fence }) => {
      await note('patient', { attempt });
      if (fence > 1) return 'second time';
      await pause(60_000, undefined, { signal });
      return 'first time';
    },
  });
  const plain = defineTask({ name: 'plain', run: async () => note('plain') });
  const here = defineTask({ name: 'here', queue: 'heavy', isolation: 'none', run: () => ({ osThread: osThread() }) });
  return { where, echo, throws, polite, patient, plain, here };
}

class ThingBackend {
  readonly #note: Note;
  readonly #context: BackendContext;

  constructor(note: Note, context: BackendContext) {
    this.#note = note;
    this.#context = context;
  }

  async rename(thing: Thing, name: string): Promise<{ name: string }> {
    await this.#note('rename', { was: thing.name, fence: this.#context.fence });
    return { name };
  }

  /** Ready at the third look. */
  async isReady(): Promise<boolean> {
    await this.#note('isReady');
    return false;
  }
}

export function isolatedParts(dataSource: DataSource) {
  const note: Note = async (what, data = null) => {
    await dataSource.query('INSERT INTO seen (what, os_thread, pid, data) VALUES ($1, $2, $3, $4::jsonb)', [
      what,
      osThread(),
      process.pid,
      JSON.stringify(data),
    ]);
  };
  const seen = async (what: string): Promise<number> => {
    const rows: { n: number }[] = await dataSource.query('SELECT count(*)::int AS n FROM seen WHERE what = $1', [what]);
    return rows[0]?.n ?? 0;
  };
  const thing = defineResource(ThingSchema, {
    name: 'test.thing',
    states: lifecycle,
    backend: (_thing, context) =>
      Object.assign(new ThingBackend(note, context), {
        looked: async (): Promise<boolean> => {
          await note('looked');
          return (await seen('looked')) >= 3;
        },
      }),
  });
  const change = defineActionExecutor(thing, {
    name: 'thing.change',
    plan: (p) =>
      p
        .call('rename', ['new name'], { save: ({ name }) => ({ name }) })
        .poll('looked', { every: '50ms', timeout: '60s' })
        .when(
          async (row) => {
            await note('gate');
            return row.name === 'new name';
          },
          (q) =>
            q.expand(
              async () => {
                await note('expand');
                return { times: 2 };
              },
              (r, { times }) =>
                r.each(
                  Array.from({ length: times }, (_x, i) => i),
                  (s, i) => s.call('rename', [`name ${i}`]),
                ),
            ),
        ),
  });
  const pull = definePullTask(thing, {
    queue: 'heavy',
    pull: async (row) => {
      await note('pull');
      return { name: `${row.name} as seen` };
    },
  });
  const tasks = { ...stubbornTasks(note), ...politeTasks(note) };
  return { thing, change, pull, tasks };
}

/** What the worker and its threads and processes have in common. */
export function isolatedOptions(
  { change, pull, tasks }: ReturnType<typeof isolatedParts>,
  kind: 'thread' | 'process',
): Omit<ReeveOptions, 'dataSource'> {
  return {
    executors: [change],
    tasks: [...Object.values(tasks), pull],
    queues: { heavy: { concurrency: 2, isolation: kind }, tasks: { concurrency: 25 } },
    timing: quickTiming,
  };
}

/** The URL from which a thread or process imports the app. */
export function isolatedModule(
  url: string,
  kind: 'thread' | 'process',
  more: Readonly<Record<string, string>> = {},
): string {
  const module = new URL(import.meta.url);
  module.search = new URLSearchParams({ url, kind, ...more }).toString();
  return module.href;
}

// oxlint-disable-next-line import/no-default-export -- what isolation.module names
export default function imported(): Reeve {
  const query = new URL(import.meta.url).searchParams;
  const dataSource = new DataSource({
    type: 'postgres',
    url: query.get('url') ?? '',
    entities: [ThingSchema],
    installExtensions: false,
  });
  const options = isolatedOptions(isolatedParts(dataSource), query.get('kind') as 'thread' | 'process');
  const lacks = query.get('lacks');
  return defineReeve({
    ...options,
    dataSource,
    tasks: (options.tasks ?? []).filter(({ name }) => name !== lacks),
    logger: createLogger('silent'),
  });
}

export const notAReeve = 42;
