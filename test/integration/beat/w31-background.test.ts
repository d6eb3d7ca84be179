import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineBackgroundTask } from '../../../src/index.ts';
import { describeOnBrokers, makeBundle, redisUrlOf, type BrokerName } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { runAlone } from '../../support/alone.ts';

runAlone();

const refuseApp = new URL('../../support/refuse-app.ts', import.meta.url).pathname;
const pull = defineBackgroundTask({ name: 'pull', key: () => 'all', run: () => null });

/** What a refused call may take, as the 95th percentile; REEVE_TEST_QUIET=1 says that the machine is not shared. */
const limitMs = process.env['REEVE_TEST_QUIET'] === '1' ? 20 : 400;

interface Answers {
  readonly created: number;
  readonly ids: readonly string[];
  /** How long each refused call took. */
  readonly ms: readonly number[];
}

/** Ten processes; each call of `ask` lets every one of them ask 100 times. */
async function tenProcesses(url: string, broker: BrokerName, environment: Record<string, string>) {
  const children = Array.from({ length: 10 }, () =>
    spawn(process.execPath, ['--disable-warning=ExperimentalWarning', refuseApp], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, TEST_URL: url, TEST_REDIS: redisUrlOf(broker) ?? '', ...environment },
    }),
  );
  const processes = children.map((child) => ({ child, lines: createInterface({ input: child.stdout }) }));
  await Promise.all(processes.map(({ lines }) => once(lines, 'line')));
  return {
    async ask(): Promise<Answers> {
      const all = await Promise.all(
        processes.map(async ({ child, lines }) => {
          const answer = once(lines, 'line');
          child.stdin.write('go\n');
          const [line] = (await answer) as [string];
          return JSON.parse(line) as Answers;
        }),
      );
      return {
        created: all.reduce((sum, { created }) => sum + created, 0),
        ids: [...new Set(all.flatMap(({ ids }) => ids))],
        ms: all.flatMap(({ ms }) => ms).toSorted((a, b) => a - b),
      };
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) {
        const exit = once(child, 'exit');
        child.kill('SIGKILL');
        await exit;
      }
    },
  };
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? 0;
}

describeOnBrokers('W31 ten processes ask for one background task 100 times each', (broker) => {
  it.each([
    ['no worker alive', 'at once', {}],
    ['no worker alive', 'in turn', {}],
    ['a delay', 'at once', { TEST_COUNTDOWN: '1h' }],
    ['a backlog', 'at once', { TEST_BACKLOG: '300' }],
  ])('with %s, %s: one execution, and each refused call names it at once', async (_with, calls, how) => {
    const hold = Promise.withResolvers<void>();
    const filler = defineBackgroundTask({
      name: 'filler',
      input: z.object({ n: z.number() }),
      key: ({ n }) => String(n),
      run: () => hold.promise,
    });
    await using bundle = await makeBundle(broker, { tasks: [pull, filler] });
    const backlog = Number((how as { TEST_BACKLOG?: string }).TEST_BACKLOG ?? '0');
    if (backlog > 0) {
      await Promise.all(Array.from({ length: backlog }, (_, n) => bundle.reeve.execute(filler, { n })));
      await bundle.reeve.startWorker({ queues: { background: 2 } });
      await eventually(async () => {
        expect(await bundle.query(`SELECT 1 FROM reeve.step WHERE state = 'running'`)).toHaveLength(2);
      });
    }
    await using processes = await tenProcesses(bundle.url, broker, { TEST_CALLS: calls, ...how });
    const first = await processes.ask();
    expect(first.created).toBe(1);
    expect(first.ms).toHaveLength(999);
    const executions = await bundle.query<{ id: string; state: string }>(
      `SELECT id, state FROM reeve.execution WHERE executor = 'pull'`,
    );
    expect(executions).toEqual([{ id: first.ids[0], state: 'running' }]);
    expect(first.ids).toHaveLength(1);
    const second = await processes.ask();
    expect(second).toMatchObject({ created: 0, ids: first.ids });
    for (const [what, { ms }] of Object.entries({ 'none alive before': first, alive: second })) {
      const [p50, p95, max] = [0.5, 0.95, 0.9999].map((share) => percentile(ms, share).toFixed(1));
      const text = `W31 (${broker}, ${_with}, ${calls}, ${what}): refused in p50 ${p50} ms, p95 ${p95} ms, max ${max} ms`;
      process.stderr.write(`${text}\n`);
    }
    hold.resolve();
    expect(percentile(second.ms, 0.95)).toBeLessThan(limitMs);
  });

  it('W31 a new one is accepted after the end of the one before', async () => {
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const first = await bundle.reeve.execute(pull);
    expect(await bundle.reeve.execute(pull)).toEqual({ executionId: first.executionId, created: false });
    await bundle.reeve.startWorker();
    expect((await bundle.reeve.result(first.executionId)).state).toBe('succeeded');
    expect(await bundle.reeve.execute(pull)).toMatchObject({ created: true });
  });

  it('W31 attempts of the live one are never refused for its own key', async () => {
    const attempts: number[] = [];
    const flaky = defineBackgroundTask({
      name: 'flaky',
      key: () => 'all',
      retry: { attempts: 3, delay: '50ms' },
      run: (_input, { attempt }) => {
        attempts.push(attempt);
        if (attempt < 3) throw new Error('not yet');
        return 'at last';
      },
    });
    await using bundle = await makeBundle(broker, { tasks: [flaky] });
    await bundle.reeve.startWorker();
    const first = await bundle.reeve.execute(flaky);
    await eventually(() => expect(attempts).toContain(2));
    expect(await bundle.reeve.execute(flaky)).toEqual({ ...first, created: false });
    expect(await bundle.reeve.result(first.executionId)).toMatchObject({ state: 'succeeded', result: 'at last' });
    expect(attempts).toEqual([1, 2, 3]);
  });
});
