import { describe, expect, it } from '@jest/globals';
import type { ExecutionDetails, Explanation, ReeveStatus } from '../../../src/index.ts';
import { breakDevice, hold } from './fixture-app/app.ts';
import { makeFixtureDatabase } from './fixture-database.ts';
import { reeveJson, runReeve } from './reeve-process.ts';

const unknownId = '00000000-0000-7000-8000-000000000000';

describe('the words of an operator', () => {
  it('revoke, retry and skip change an execution, and executions show tells who did what and why', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const options = { environment: fixture.environment };
    const worker = await fixture.reeve.startWorker({ queues: ['tasks'] });
    const device = await fixture.saveDevice('ok');
    const { executionId } = await fixture.reeve.execute(breakDevice, device);
    await fixture.reeve.result(executionId);
    await worker.stop();

    const wrong = await runReeve(['skip', executionId, '1'], options);
    const early = await runReeve(['revoke', executionId, '--json'], options);
    const retried = await runReeve(['retry', executionId, '--by', 'ada'], options);
    const again = await runReeve(['retry', executionId, '--json'], options);
    const revoked = await reeveJson(['revoke', executionId, '--by', 'ada', '--reason', 'wrong rack'], options);
    const missing = await runReeve(['revoke', unknownId], options);
    const shown = await reeveJson<ExecutionDetails>(['executions', 'show', executionId], options);
    const text = await runReeve(['executions', 'show', executionId], options);

    expect(wrong).toMatchObject({ exitCode: 2 });
    expect(early).toMatchObject({ exitCode: 1 });
    expect(JSON.parse(early.stdout)).toEqual({ executionId, state: 'failed' });
    expect(retried).toMatchObject({ exitCode: 0, stdout: `execution ${executionId} goes on\n` });
    expect(again).toMatchObject({ exitCode: 1 });
    expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: 'EXECUTION_STATE' } });
    expect(revoked).toEqual({ executionId, state: 'canceled' });
    expect(missing).toMatchObject({ exitCode: 3 });
    expect(shown.operations).toEqual([
      expect.objectContaining({ action: 'retry', by: 'ada', reason: null, from: 'failed' }),
      expect.objectContaining({ action: 'cancel', by: 'ada', reason: 'wrong rack', from: 'running' }),
    ]);
    expect(text.stdout).toMatch(/^ada +cancel +\S+( \S+)* +wrong rack$/m);
    expect(text.stdout).toContain('EXECUTION_CANCELED canceled: wrong rack');
  });

  it('skip passes over a failed step with a reason', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const options = { environment: fixture.environment };
    await fixture.reeve.startWorker({ queues: ['tasks'] });
    const { executionId } = await fixture.reeve.execute(breakDevice, await fixture.saveDevice('ok'));
    await fixture.reeve.result(executionId);

    const skipped = await runReeve(['skip', executionId, '1', '--reason', 'done by hand'], options);

    expect(skipped.stdout).toBe(`execution ${executionId} had nothing left to do and has succeeded\n`);
    const { operations } = await fixture.reeve.execution(executionId);
    expect(operations).toEqual([
      expect.objectContaining({ action: 'skip', position: 0, by: expect.stringContaining('@') }),
    ]);
  });

  it('pause and resume hold an execution; control pause and resume hold a queue', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const options = { environment: fixture.environment };
    const { executionId } = await fixture.reeve.execute(hold);

    const paused = await reeveJson(['pause', executionId], options);
    const resumed = await reeveJson(['resume', executionId], options);
    const queue = await runReeve(['control', 'pause', 'tasks', '--by', 'ada', '--reason', 'new rack'], options);
    const status = await reeveJson<ReeveStatus>(['status'], options);
    const text = await runReeve(['status'], options);
    const resumedQueue = await reeveJson(['control', 'resume', 'tasks'], options);
    const unknown = await runReeve(['control', 'pause', 'nowhere'], options);

    expect(paused).toEqual({ executionId, state: 'paused' });
    expect(resumed).toEqual({ executionId, state: 'running' });
    expect(queue).toMatchObject({ exitCode: 0, stdout: 'queue tasks is paused\n' });
    expect(status.queues.find(({ name }) => name === 'tasks')).toMatchObject({ pausedBy: 'ada' });
    expect(text.stdout).toContain('paused by ada: new rack');
    expect(resumedQueue).toEqual({ queue: 'tasks', paused: false, changed: true });
    expect(unknown).toMatchObject({ exitCode: 2 });
    await fixture.reeve.cancel(executionId);
  });

  it('why tells what an execution or a resource waits for', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const options = { environment: fixture.environment };
    const device = await fixture.saveDevice('ok');
    const { executionId } = await fixture.reeve.execute(breakDevice, device);

    const text = await runReeve(['why', executionId.slice(0, 13)], options);
    const ofResource = await reeveJson<Explanation>(['why', `test.device/${device.id}`], options);
    const missing = await runReeve(['why', unknownId], options);

    expect(text.stdout).toBe(
      `break ${executionId} is running\nno-worker    step 1 "fail" has no worker: nobody who lives serves queue "tasks"; start one with "reeve worker -Q tasks"\n`,
    );
    expect(ofResource).toMatchObject({ executionId, resource: { type: 'test.device', id: device.id } });
    expect(ofResource.chain.map(({ kind }) => kind)).toEqual(['owned', 'no-worker']);
    expect(missing).toMatchObject({ exitCode: 3 });
    await fixture.reeve.cancel(executionId);
  });
});
