import { existsSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { describeOnBrokers } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { hold, tellTasks } from './fixture-app/app.ts';
import { makeFixtureDatabase, type FixtureDatabase } from './fixture-database.ts';
import { ReeveProcess } from './reeve-process.ts';

async function pidOf(fixture: FixtureDatabase, executionId: string): Promise<number> {
  const { state, result } = await fixture.reeve.result(executionId, { timeout: '60s' });
  expect(state).toBe('succeeded');
  return (result as { pid: number }).pid;
}

describeOnBrokers('a worker with a limit', (broker) => {
  it('is replaced by a fresh process after so many steps; nothing is lost, and its id stays the same', async () => {
    await using fixture = await makeFixtureDatabase(broker);
    const args = ['worker', '-Q', 'tasks', '-c', '1', '--max-tasks', '2'];
    await using worker = new ReeveProcess(args, { environment: fixture.environment });
    const pids: number[] = [];
    // The limit is looked at four times a second: by then more than two may have ended.
    while (new Set(pids).size < 3) {
      pids.push(await pidOf(fixture, (await fixture.reeve.execute(tellTasks)).executionId));
    }
    expect(pids).not.toContain(worker.pid);
    expect(worker.output).toMatch(/\d+ steps: a fresh process takes over/);
    const { executionId } = await fixture.reeve.execute(hold);
    const last = await fixture.held(executionId);
    worker.kill('SIGTERM');
    await worker.says(/SIGTERM: waiting up to/);
    await fixture.release(executionId);
    expect(await worker.end()).toMatchObject({ exitCode: 0 });
    expect((await fixture.reeve.result(executionId, { timeout: '60s' })).state).toBe('succeeded');
    await eventually(() => expect(existsSync(`/proc/${last}`)).toBe(false));
  });

  it('is replaced when it has grown too large, and what it runs is finished first', async () => {
    await using fixture = await makeFixtureDatabase(broker);
    const { executionId } = await fixture.reeve.execute(hold);
    const args = ['worker', '-Q', 'tasks', '--max-memory', '1'];
    await using worker = new ReeveProcess(args, { environment: fixture.environment });
    await worker.says(/\d+ MB in use: a fresh process takes over/);
    worker.kill('SIGTERM');
    await worker.end();
    await using other = new ReeveProcess(['worker', '-Q', 'tasks'], { environment: fixture.environment });
    await fixture.held(executionId);
    await fixture.release(executionId);
    expect((await fixture.reeve.result(executionId, { timeout: '60s' })).state).toBe('succeeded');
    other.kill('SIGTERM');
  });
});
