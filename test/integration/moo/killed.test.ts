import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeOnBrokers, redisUrlOf } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { testRandom } from '../../support/random.ts';
import { sandboxesOf } from '../../support/sandbox-processes.ts';
import { makeWorld, type WorldBundle } from '../../support/world.ts';

const app = fileURLToPath(new URL('../../support/world-app.ts', import.meta.url));

describeOnBrokers('verb tasks that are killed', (broker) => {
  let world: WorldBundle;
  let setUp: number;
  beforeAll(async () => {
    // One task at a time is what these tests look at; more places would only be more processes to kill and start.
    world = await makeWorld(broker, {}, { queues: { verbs: { concurrency: 1 } } });
    await world.quiet();
    setUp = await world.count('invokeVerb');
    await world.code('Prog', `context.player.left = 0; context.player.right = 0; context.player.told = 0`);
    await world.verb('Prog', 'context.player', 'noted', `this.told = this.told + 1`);
    await world.verb(
      'Prog',
      'context.player',
      'both',
      `
      this.left = this.left + 1; const t = Date.now(); while (Date.now() - t < 15) 'x'.repeat(2000).split('');
      invoke(this.verb('noted')); this.right = this.right + 1; print('done')`,
    );
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const state = async (): Promise<{ left: number; right: number; told: number }> => {
    const rows = await world.bundle.query<{ name: 'left' | 'right' | 'told'; value: number }>(
      `SELECT name, value FROM reeve.moo_property WHERE name IN ('left', 'right', 'told')`,
    );
    return Object.fromEntries(rows.map(({ name, value }) => [name, value])) as {
      left: number;
      right: number;
      told: number;
    };
  };

  it('a sandbox that is killed at any moment leaves the world as before the task', async () => {
    const random = testRandom('kills of sandboxes');
    let succeeded = 0;
    for (let round = 0; round < 15; round += 1) {
      const { executionId } = await world.bundle.reeve.world.send('Prog', 'both');
      await pause(random.int(0, 40));
      for (const pid of sandboxesOf(process.pid)) process.kill(pid, 'SIGKILL');
      const outcome = await world.bundle.reeve.result(executionId);
      if (outcome.state === 'succeeded') succeeded += 1;
      else expect(outcome.error?.code).toMatch(/VERB_KILLED/);
      const { left, right } = await state();
      expect([left, right]).toEqual([succeeded, succeeded]);
    }
    await world.quiet();
    expect((await world.run('Prog', 'both')).output).toEqual(['done']);
    await world.quiet();
    expect((await world.count('invokeVerb')) - setUp).toBe(succeeded + 1);
  }, 120_000);

  it('a worker that is killed at any moment leaves the world as before the task or as after it, once', async () => {
    const random = testRandom('kills of workers');
    await world.worker.stop();
    const before = await state();
    const redis = redisUrlOf(broker);
    const env = { ...process.env, TEST_URL: world.bundle.url, ...(redis === undefined ? {} : { TEST_REDIS: redis }) };
    const start = async (): Promise<ChildProcess> => {
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', app], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout as NodeJS.ReadableStream, 'data');
      return child;
    };
    const ids: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const worker = await start();
      for (let n = 0; n < 3; n += 1) ids.push((await world.bundle.reeve.world.send('Prog', 'both')).executionId);
      await pause(random.int(0, 250));
      const sandboxes = sandboxesOf(worker.pid ?? 0);
      worker.kill('SIGKILL');
      await once(worker, 'exit');
      await eventually(() => {
        const left = sandboxes.filter(
          (pid) => sandboxesOf(1).includes(pid) || sandboxesOf(worker.pid ?? 0).includes(pid),
        );
        expect(left).toEqual([]);
      });
      const { left, right } = await state();
      expect(left).toBe(right);
    }
    // A job that a dead worker had taken from the broker, but not claimed, comes back when BullMQ finds it stalled: 30 s.
    const last = await start();
    try {
      const outcomes = await Promise.all(ids.map((id) => world.bundle.reeve.result(id, { timeout: '100s' })));
      await world.quiet();
      const succeeded = outcomes.filter((outcome) => outcome.state === 'succeeded').length;
      // A step whose worker died three times is given up; on a very busy machine a task may exceed its limit.
      const failed = outcomes.filter((outcome) => outcome.state !== 'succeeded');
      for (const { error } of failed) expect(error?.code).toMatch(/^(TASK_CRASHED|VERB_TIMED_OUT)$/);
      expect(succeeded).toBeGreaterThan(0);
      const after = await state();
      expect([after.left - before.left, after.right - before.right]).toEqual([succeeded, succeeded]);
      const noted = await world.bundle.query(
        `SELECT id FROM reeve.execution WHERE executor = 'verbs.invokeVerb' AND state = 'succeeded' AND input->>'verb' = 'noted'`,
      );
      expect(after.told).toBe(noted.length);
    } finally {
      last.kill('SIGKILL');
    }
  }, 200_000);
});
