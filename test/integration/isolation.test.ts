import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { Reeve, ReeveOptions } from '../../src/index.ts';
import { runAlone } from '../support/alone.ts';
import { describeOnBrokers, makeBundle, type BrokerName, type Bundle } from '../support/bundle.ts';
import { ThingSchema } from '../support/child-app.ts';
import { eventually } from '../support/eventually.ts';
import { quickTiming } from '../support/quick-timing.ts';
import { isolatedModule, isolatedOptions, isolatedParts, seenTable } from '../support/isolated-app.ts';
import { withinMs } from '../support/within.ts';

runAlone();

const isolatedWorker = new URL('../support/isolated-worker.ts', import.meta.url).pathname;
const kinds = ['thread', 'process'] as const;
type Kind = (typeof kinds)[number];

interface Isolated extends AsyncDisposable, ReturnType<typeof isolatedParts> {
  readonly bundle: Bundle;
  readonly reeve: Reeve;
}

async function makeIsolated(
  broker: BrokerName,
  kind: Kind,
  { isolation, ...changes }: Partial<ReeveOptions> = {},
): Promise<Isolated> {
  const bundle = await makeBundle(broker, { entities: [ThingSchema] });
  await bundle.query(seenTable);
  const parts = isolatedParts(bundle.dataSource);
  const reeve = bundle.another({
    ...isolatedOptions(parts, kind),
    isolation: { module: isolatedModule(bundle.url, kind), ...isolation },
    ...changes,
  });
  return {
    bundle,
    reeve,
    ...parts,
    async [Symbol.asyncDispose]() {
      await reeve.close();
      await bundle[Symbol.asyncDispose]();
    },
  };
}

interface Seen {
  readonly os_thread: string;
  readonly pid: number;
  readonly data: Readonly<Record<string, number>> | null;
}

async function seen({ bundle }: Isolated, what: string): Promise<Seen[]> {
  return bundle.query<Seen>('SELECT os_thread, pid, data FROM seen WHERE what = $1 ORDER BY id', [what]);
}

/** Once the step has written that its code runs. */
async function begun(app: Isolated, what: string, times = 1): Promise<Seen> {
  return eventually(async () => {
    const rows = await seen(app, what);
    expect(rows.length).toBeGreaterThanOrEqual(times);
    return rows.at(-1) as Seen;
  });
}

/** Whether the thread of the kernel is there; what is dead and not yet reaped by init is gone. */
function isAlive(osThread: string): boolean {
  const folder = `/proc/${osThread}`;
  if (!existsSync(folder)) return false;
  try {
    const stat = readFileSync(`${folder}/stat`, 'utf8');
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '');
  } catch {
    return false;
  }
}

async function goneSoon(osThread: string): Promise<void> {
  await eventually(() => expect(isAlive(osThread)).toBe(false), { timeoutMs: 10_000 });
}

async function ended({ reeve }: Isolated, executionId: string) {
  return reeve.result(executionId, { timeout: '60s' });
}

describeOnBrokers('a heavy task in an endless loop', (broker) => {
  it.each(kinds)(
    'dies at its time limit in a %s of its own, and nobody else notices',
    async (kind) => {
      await using app = await makeIsolated(broker, kind);
      const { reeve, tasks, bundle } = app;
      const worker = await reeve.startWorker();
      const lag = eventLoopLag();
      const startedAt = performance.now();
      const spinning = await reeve.execute(tasks.spin);
      const { os_thread: osThread, pid } = await begun(app, 'spin');
      expect(isAlive(osThread)).toBe(true);
      expect(pid === process.pid).toBe(kind === 'thread');
      const neighbours = await Promise.all(Array.from({ length: 20 }, () => reeve.execute(tasks.plain)));
      const slowest = Math.max(
        ...(await Promise.all(
          neighbours.map(async ({ executionId }) => {
            const outcome = await ended(app, executionId);
            expect(outcome.state).toBe('succeeded');
            return performance.now() - startedAt;
          }),
        )),
      );
      const outcome = await ended(app, spinning.executionId);
      const tookMs = performance.now() - startedAt;
      expect(outcome).toMatchObject({ state: 'failed', error: { code: 'TASK_TIMED_OUT' } });
      expect(tookMs).toBeGreaterThan(1_000);
      expect(tookMs).toBeLessThan(withinMs(3_000));
      expect(slowest).toBeLessThan(withinMs(2_000));
      await goneSoon(osThread);
      expect(lag()).toBeLessThan(withinMs(300));
      const lost = await bundle.query(`SELECT 1 FROM reeve.step WHERE crashes > 0`);
      expect(lost).toEqual([]);
      const next = await reeve.execute(tasks.where);
      const { state, result } = await ended(app, next.executionId);
      expect(state).toBe('succeeded');
      expect((result as { osThread: string }).osThread).not.toBe(osThread);
      expect(await worker.stop()).toBe(0);
    },
    60_000,
  );
});

/** How long the event loop of this process was held up at worst. */
function eventLoopLag(): () => number {
  let worst = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    worst = Math.max(worst, performance.now() - last - 20);
    last = performance.now();
  }, 20);
  return () => {
    clearInterval(timer);
    return worst;
  };
}

describe('a step in a process of its own', () => {
  it('dies with its worker, however that dies and whatever the step does, and so does what it has started', async () => {
    await using app = await makeIsolated('postgres', 'process');
    const { reeve, tasks, bundle } = app;
    const started = [await reeve.execute(tasks.keeper), await reeve.execute(tasks.deaf)];
    const worker = spawn(process.execPath, [isolatedWorker], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TEST_MODULE: isolatedModule(bundle.url, 'process') },
    });
    try {
      const { pid: busy } = await begun(app, 'deaf');
      const { pid: parent, data } = await begun(app, 'keeper');
      const all = [busy, parent, data?.['grandchild']].map((pid) => `${pid}/task/${pid}`);
      expect(all.filter(isAlive)).toEqual(all);
      expect([busy, parent]).not.toContain(worker.pid);
      worker.kill('SIGKILL');
      for (const osThread of all) await goneSoon(osThread);
    } finally {
      worker.kill('SIGKILL');
    }
    for (const { executionId } of started) await reeve.cancel(executionId);
  }, 60_000);

  it('is killed at its time limit in native code too, with what it has started', async () => {
    await using app = await makeIsolated('postgres', 'process');
    const { reeve, tasks } = app;
    await reeve.startWorker();
    const native = await reeve.execute(tasks.native);
    const parent = await reeve.execute(tasks.parent);
    const rows = [await begun(app, 'native'), await begun(app, 'parent')];
    for (const { executionId } of [native, parent]) {
      expect(await ended(app, executionId)).toMatchObject({ error: { code: 'TASK_TIMED_OUT' } });
    }
    for (const { os_thread: osThread } of rows) await goneSoon(osThread);
    const grandchild = rows[1]?.data?.['grandchild'];
    await goneSoon(`${grandchild}/task/${grandchild}`);
  }, 60_000);
});

describe('a step in a thread of its own', () => {
  it('dies at its time limit in the loops that V8 optimises most', async () => {
    await using app = await makeIsolated('postgres', 'thread');
    const { reeve, tasks } = app;
    await reeve.startWorker();
    const { executionId } = await reeve.execute(tasks.churn);
    const { os_thread: osThread } = await begun(app, 'churn');
    expect(await ended(app, executionId)).toMatchObject({ error: { code: 'TASK_TIMED_OUT' } });
    await goneSoon(osThread);
  }, 60_000);
});

describe.each(kinds)('a step in a %s of its own', (kind) => {
  const broker = 'postgres';

  it('is there with fence, key, progress and log; its side is used again for the next step', async () => {
    const lines: { fields: object; message: string }[] = [];
    const keep = (fields: object, message: string): void => void lines.push({ fields, message });
    const logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => logger };
    await using app = await makeIsolated(broker, kind, { logger });
    const { reeve, tasks } = app;
    await reeve.startWorker();
    const results: { readonly osThread: string }[] = [];
    for (let times = 0; times < 3; times += 1) {
      const { executionId } = await reeve.execute(tasks.where);
      const { result } = await ended(app, executionId);
      results.push(result as { readonly osThread: string });
      expect(result).toMatchObject({ fence: 1, key: `${executionId}:0` });
    }
    expect(new Set(results.map(({ osThread }) => osThread)).size).toBe(1);
    expect(results[0]?.osThread).not.toBe(`${process.pid}/task/${process.pid}`);
    expect(lines.filter(({ message }) => message === 'a line from inside')).toHaveLength(3);
    expect(lines.find(({ message }) => message === 'a line from inside')?.fields).toMatchObject({
      event: 'test.where',
      from: 'inside',
      odd: expect.stringContaining('=>'),
    });
    const { executionId } = await reeve.execute(tasks.here);
    expect((await ended(app, executionId)).result).toEqual({ osThread: `${process.pid}/task/${process.pid}` });
  }, 60_000);

  it('brings results and errors back as they would be without it', async () => {
    await using app = await makeIsolated(broker, kind);
    const { reeve, tasks } = app;
    await reeve.startWorker();
    const echoed = await reeve.execute(tasks.echo, { text: 'a ü 😀' });
    expect((await ended(app, echoed.executionId)).result).toEqual({ text: 'a ü 😀', parts: [1, null, { deep: true }] });
    const errors: Record<string, unknown> = {};
    for (const how of ['rejected', 'nul', 'cyclic', 'null', 'date'] as const) {
      const { executionId } = await reeve.execute(tasks.throws, { how });
      const { state, error } = await ended(app, executionId);
      expect(state).toBe('failed');
      errors[how] = error;
    }
    expect(errors).toMatchObject({
      rejected: { code: 'BACKEND_REJECTED', message: 'not like this' },
      nul: { code: 'TASK_FAILED', message: 'a\uFFFDb' },
      cyclic: { code: 'TASK_FAILED', message: 'outer' },
      null: { code: 'TASK_FAILED', message: 'null' },
      date: { code: 'RESULT_NOT_JSON' },
    });
    const { executionId } = await reeve.execute(tasks.throws, { how: 'retryable' });
    expect(await ended(app, executionId)).toMatchObject({ state: 'succeeded', result: 'second time' });
    const { steps } = await reeve.execution(executionId);
    expect(steps[0]?.attempts[0]?.error).toMatchObject({
      message: 'passing',
      traceback: expect.stringContaining('isolated-app'),
    });
  }, 60_000);

  it('calls backends, polls, decides gates, expands plans and pulls, all there', async () => {
    await using app = await makeIsolated(broker, kind);
    const { reeve, change, pull, bundle } = app;
    await reeve.startWorker();
    const { id } = await bundle.dataSource.manager.save(ThingSchema, { name: 'old name', state: 'ok' });
    const { executionId } = await reeve.execute(change, id, {}, { weight: 'heavy' });
    expect(await ended(app, executionId)).toMatchObject({ state: 'succeeded' });
    const rows = await bundle.query<{ what: string; os_thread: string }>(
      'SELECT what, os_thread FROM seen ORDER BY id',
    );
    expect(rows.map(({ what }) => what)).toEqual([
      'rename',
      'looked',
      'looked',
      'looked',
      'gate',
      'expand',
      'rename',
      'rename',
    ]);
    expect(rows.map(({ os_thread: osThread }) => osThread)).not.toContain(`${process.pid}/task/${process.pid}`);
    const pulled = await reeve.execute(pull, { id });
    expect(await ended(app, pulled.executionId)).toMatchObject({ state: 'succeeded', result: { pulled: true } });
    const row = await bundle.dataSource.manager.findOneByOrFail(ThingSchema, { id });
    expect(row).toMatchObject({ state: 'ok', name: 'new name as seen' });
    expect((await seen(app, 'pull'))[0]?.os_thread).not.toBe(`${process.pid}/task/${process.pid}`);
  }, 60_000);

  it('ends by itself at the soft limit, and is used again', async () => {
    await using app = await makeIsolated(broker, kind);
    const { reeve, tasks } = app;
    await reeve.startWorker();
    const { executionId } = await reeve.execute(tasks.polite);
    const { os_thread: osThread } = await begun(app, 'polite');
    expect(await ended(app, executionId)).toMatchObject({ state: 'failed', error: { code: 'TASK_TIMED_OUT' } });
    const next = await reeve.execute(tasks.where);
    expect((await ended(app, next.executionId)).result).toMatchObject({ osThread });
  }, 60_000);

  it('is killed when it ignores a cancel', async () => {
    await using app = await makeIsolated(broker, kind, {
      timing: { ...quickTiming, cancelGrace: '300ms' },
    });
    const { reeve, tasks } = app;
    await reeve.startWorker();
    const { executionId } = await reeve.execute(tasks.deaf);
    const { os_thread: osThread } = await begun(app, 'deaf');
    expect(await reeve.cancel(executionId)).toMatchObject({ state: 'canceling' });
    expect(await ended(app, executionId)).toMatchObject({ state: 'canceled' });
    await goneSoon(osThread);
  }, 60_000);

  it('is killed when another worker has its step, and nothing of it is written', async () => {
    await using app = await makeIsolated(broker, kind, { drain: '100ms', stopGrace: '100ms' });
    const { reeve, tasks, bundle } = app;
    await reeve.startWorker();
    const { executionId } = await reeve.execute(tasks.deaf);
    const { os_thread: osThread } = await begun(app, 'deaf');
    await bundle.query(
      `UPDATE reeve.step SET claim_token = gen_random_uuid() WHERE execution_id = $1 AND position = 0`,
      [executionId],
    );
    await goneSoon(osThread);
    await begun(app, 'deaf', 2);
    await reeve.cancel(executionId);
  }, 60_000);

  it.each([
    ['exit', 'exit code 1'],
    ['hungry', 'isolation.memory'],
  ] as const)(
    'is given up after it has died three times: %s',
    async (name, words) => {
      const module = { memory: 400 };
      await using app = await makeIsolated(broker, kind);
      const { reeve: _other, tasks, bundle } = app;
      await using reeve = bundle.another({
        ...isolatedOptions(app, kind),
        isolation: { module: isolatedModule(bundle.url, kind), ...module },
      });
      await reeve.startWorker();
      const poison = await reeve.execute(tasks[name]);
      const beside = await reeve.execute(tasks.polite);
      const outcome = await reeve.result(poison.executionId, { timeout: '60s' });
      expect(outcome).toMatchObject({ state: 'failed', error: { code: 'TASK_CRASHED' } });
      expect(outcome.error?.message).toContain(words);
      expect(outcome.error?.message).toContain('3 of 3; nothing else ran in it');
      const { steps } = await reeve.execution(poison.executionId);
      expect(steps[0]?.attempts.map((attempt) => attempt.outcome)).toEqual(['crashed', 'crashed', 'failed']);
      expect(new Set((await seen(app, name)).map(({ os_thread: osThread }) => osThread)).size).toBe(3);
      expect(await reeve.result(beside.executionId, { timeout: '60s' })).toMatchObject({
        error: { code: 'TASK_TIMED_OUT' },
      });
      expect((await reeve.execution(beside.executionId)).steps[0]).toMatchObject({ crashes: 0 });
      const next = await reeve.execute(tasks.where);
      expect((await reeve.result(next.executionId, { timeout: '60s' })).state).toBe('succeeded');
    },
    90_000,
  );

  it('goes back at once when its worker stops, if it may be interrupted', async () => {
    await using app = await makeIsolated(broker, kind);
    const { reeve, tasks } = app;
    const worker = await reeve.startWorker();
    const { executionId } = await reeve.execute(tasks.patient);
    await begun(app, 'patient');
    expect(await worker.stop()).toBe(0);
    const { steps } = await reeve.execution(executionId);
    expect(steps[0]?.attempts.map((attempt) => attempt.outcome)).toEqual(['released']);
    await reeve.startWorker();
    expect(await ended(app, executionId)).toMatchObject({ state: 'succeeded', result: 'second time' });
  }, 60_000);

  it('is killed and goes back when it outlasts the stop of its worker', async () => {
    await using app = await makeIsolated(broker, kind, { drain: '200ms', stopGrace: '200ms' });
    const { reeve, tasks } = app;
    const worker = await reeve.startWorker();
    const { executionId } = await reeve.execute(tasks.deaf);
    const { os_thread: osThread } = await begun(app, 'deaf');
    expect(await worker.stop()).toBe(0);
    await goneSoon(osThread);
    const { steps } = await reeve.execution(executionId);
    expect(steps[0]).toMatchObject({ attempt: 0, crashes: 0 });
    expect(steps[0]?.attempts.map((attempt) => attempt.outcome)).toEqual(['released']);
    await reeve.cancel(executionId);
  }, 60_000);

  it('is replaced after so many steps', async () => {
    await using app = await makeIsolated(broker, kind, { isolation: { maxTasks: 2 } });
    const { reeve, tasks } = app;
    await reeve.startWorker();
    const threads: string[] = [];
    for (let times = 0; times < 4; times += 1) {
      const { executionId } = await reeve.execute(tasks.where);
      const { result } = await reeve.result(executionId, { timeout: '60s' });
      threads.push((result as { osThread: string }).osThread);
    }
    expect(threads[0]).toBe(threads[1]);
    expect(threads[2]).not.toBe(threads[1]);
    expect(threads[3]).toBe(threads[2]);
    await goneSoon(threads[0] ?? '');
  }, 60_000);

  it('is refused with what is wrong when the app cannot be imported as it is', async () => {
    await using app = await makeIsolated(broker, kind);
    const { bundle } = app;
    const start = async (isolation: ReeveOptions['isolation']): Promise<unknown> => {
      const options = isolatedOptions(app, kind);
      await using reeve = bundle.another({ ...options, ...(isolation === undefined ? {} : { isolation }) });
      return await reeve.startWorker().then(
        () => 'started',
        (error: unknown) => error,
      );
    };
    const module = isolatedModule(bundle.url, kind);
    const unavailable = (words: string) => ({ code: 'ISOLATION_UNAVAILABLE', message: expect.stringContaining(words) });
    expect(await start(undefined)).toMatchObject(unavailable('isolation: { module: import.meta.url }'));
    expect(await start({ module: new URL('./nowhere.ts', import.meta.url) })).toMatchObject(unavailable('nowhere.ts'));
    expect(await start({ module, export: 'notAReeve' })).toMatchObject(unavailable('"notAReeve"'));
    expect(await start({ module, export: 'missing' })).toMatchObject(unavailable('it exports default, '));
    expect(await start({ module: isolatedModule(bundle.url, kind, { lacks: 'spin' }) })).toMatchObject(
      unavailable('"spin", which it lacks'),
    );
    const other = new URL(bundle.url);
    other.pathname = '/postgres';
    expect(await start({ module: isolatedModule(other.href, kind) })).toMatchObject(unavailable('its database is'));
    const starting = new URL('../support/starting-app.ts', import.meta.url);
    starting.searchParams.set('url', bundle.url);
    expect(await start({ module: starting })).toMatchObject(unavailable('must not start it when it is imported'));
  }, 90_000);
});
