import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineBackgroundTask } from '../../../src/index.ts';
import { describeOnBrokers, makeBundle, redisUrlOf, type BrokerName, type Bundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { runAlone } from '../../support/alone.ts';

runAlone();

const refuseApp = new URL('../../support/refuse-app.ts', import.meta.url).pathname;
const pull = defineBackgroundTask({ name: 'pull', key: () => 'all', run: () => null });

/** What a refused call may take, as the 95th percentile; REEVE_TEST_QUIET=1 says that the machine is not shared. */
const limitMs = process.env['REEVE_TEST_QUIET'] === '1' ? 20 : 400;

const races = process.env['REEVE_TEST_QUIET'] === '1' ? 7 : 1;

/** Until whoever has published something has noted it: that is no part of what is asked next. */
async function settled(bundle: Bundle): Promise<void> {
  await eventually(async () => {
    const unmarked = await bundle.query(
      `SELECT 1 FROM reeve.step AS s JOIN reeve.queue AS q ON q.name = s.queue
       WHERE s.state = 'ready' AND s.published_epoch < q.epoch LIMIT 1`,
    );
    expect(unmarked).toEqual([]);
  });
}

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
    const refused = { 'none alive before': [] as (readonly number[])[], alive: [] as (readonly number[])[] };
    for (let race = 0; race < races; race += 1) {
      await settled(bundle);
      const first = await processes.ask();
      expect(first.created).toBe(1);
      expect(first.ms).toHaveLength(999);
      expect(first.ids).toHaveLength(1);
      const live = await bundle.query(`SELECT id, state FROM reeve.execution WHERE executor = 'pull' AND active`);
      expect(live).toEqual([{ id: first.ids[0], state: 'running' }]);
      const second = await processes.ask();
      expect(second).toMatchObject({ created: 0, ids: first.ids });
      refused['none alive before'].push(first.ms);
      refused.alive.push(second.ms);
      await bundle.reeve.cancel(first.ids[0] ?? '');
    }
    hold.resolve();
    for (const [what, ofRaces] of Object.entries(refused)) {
      const [p50 = 0, p95 = 0, max = 0] = [0.5, 0.95, 0.9999].map((share) =>
        percentile(
          ofRaces.map((ms) => percentile(ms, share)).toSorted((a, b) => a - b),
          0.5,
        ),
      );
      const figures = `p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, max ${max.toFixed(1)} ms`;
      process.stderr.write(
        `W31 (${broker}, ${_with}, ${calls}, ${what}): refused in ${figures}, medians of ${races}\n`,
      );
      expect(p95).toBeLessThan(limitMs);
    }
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
