import { describe, expect, it } from '@jest/globals';
import { apart, spin, tellTasks } from './fixture-app/app.ts';
import { makeFixtureDatabase } from './fixture-database.ts';
import { ReeveProcess } from './reeve-process.ts';

describe('isolated steps of reeve worker', () => {
  it('run in threads and processes that import the config again by themselves, decorated entities included', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    await using worker = new ReeveProcess(['worker', '-Q', 'tasks,heavy'], { environment: fixture.environment });
    const run = async (task: typeof spin | typeof apart | typeof tellTasks) => {
      const { executionId } = await fixture.reeve.execute(task as typeof tellTasks);
      return fixture.reeve.result(executionId, { timeout: '60s' });
    };
    expect(await run(spin)).toMatchObject({ state: 'failed', error: { code: 'TASK_TIMED_OUT' } });
    expect(await run(tellTasks)).toMatchObject({ state: 'succeeded', result: { pid: worker.pid } });
    const { state, result } = await run(apart);
    expect(state).toBe('succeeded');
    expect((result as { pid: number }).pid).not.toBe(worker.pid);
    worker.kill('SIGTERM');
    const { exitCode } = await worker.end();
    expect(exitCode).toBe(0);
  }, 60_000);
});
