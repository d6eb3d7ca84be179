import { describe, expect, it } from '@jest/globals';
import { hold } from './fixture-app/app.ts';
import { makeFixtureDatabase } from './fixture-database.ts';
import { ReeveProcess, runReeve } from './reeve-process.ts';

describe('a worker process', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s finishes the running step, says what it waits for, and exits 0',
    async (signal) => {
      await using fixture = await makeFixtureDatabase('postgres');
      await using worker = new ReeveProcess(['worker', '-Q', 'tasks'], { environment: fixture.environment });
      const { executionId } = await fixture.reeve.execute(hold);
      expect(await fixture.held(executionId)).toBe(worker.pid);

      worker.kill(signal);
      const [words] = await worker.says(/^SIG.*$/m);
      await fixture.release(executionId);
      const { exitCode } = await worker.end();

      expect(words).toMatch(new RegExp(`^${signal}: waiting up to 25.0 s for 1 step: "hold" \\(${executionId}\\)`));
      expect(exitCode).toBe(0);
      expect(await fixture.reeve.execution(executionId)).toMatchObject({ state: 'succeeded' });
    },
  );

  it('a second signal ends it at once with exit code 1, and another worker takes the step over', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const options = { environment: fixture.environment };
    await using worker = new ReeveProcess(['worker', '-Q', 'tasks'], options);
    const { executionId } = await fixture.reeve.execute(hold);
    await fixture.held(executionId);

    worker.kill('SIGTERM');
    await worker.says(/waiting up to/);
    worker.kill('SIGTERM');
    const { exitCode } = await worker.end(2_000);
    await fixture.release(executionId);
    await using other = new ReeveProcess(['worker', '-Q', 'tasks'], options);
    const outcome = await fixture.reeve.result(executionId, { timeout: '60s' });

    expect(exitCode).toBe(1);
    expect(outcome).toMatchObject({ state: 'succeeded' });
    const [step] = (await fixture.reeve.execution(executionId)).steps;
    expect(step?.attempts.map(({ worker: by, outcome: how }) => [by?.split('/')[1], how])).toEqual([
      [String(worker.pid), 'crashed'],
      [String(other.pid), 'succeeded'],
    ]);
  });

  it('logs at the level that -l names, as JSON on standard error, and keeps standard output for the banner', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const environment = { ...fixture.environment, REEVE_LOG_LEVEL: 'error' };
    await using worker = new ReeveProcess(['worker', '-Q', 'heavy', '-c', '3', '-l', 'info'], { environment });
    await worker.says(/worker\.ready/);
    worker.kill('SIGTERM');
    const { exitCode, stdout, stderr } = await worker.end();

    const logged = stderr.split('\n').filter((line) => line.startsWith('{'));
    expect(logged.map((line) => (JSON.parse(line) as { event: string }).event)).toContain('worker.ready');
    expect(stdout).toMatch(/^reeve \d/);
    expect(stdout).toMatch(/^ {2}queues +heavy ×3$/m);
    expect(stdout).not.toContain(new URL(fixture.url).password);
    expect(exitCode).toBe(0);
  });

  it('does not start where the broker does not answer', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const environment = { ...fixture.environment, REDIS_URL: 'redis://:hidden@127.0.0.1:1' };
    const { exitCode, stderr } = await runReeve(['worker'], { environment });
    expect(exitCode).toBe(69);
    expect(stderr).toMatch(/^error BROKER_UNAVAILABLE: Redis at 127\.0\.0\.1:1 does not answer: .*ECONNREFUSED/);
    expect(stderr).not.toContain('hidden');
  });
});
