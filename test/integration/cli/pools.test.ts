import { expect, it } from '@jest/globals';
import type { ExecutionView, StepView } from '../../../src/index.ts';
import { describeOnBrokers } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { installDevice, installQueues } from './fixture-app/app.ts';
import { makeFixtureDatabase } from './fixture-database.ts';
import { reeveJson, ReeveProcess, runReeve } from './reeve-process.ts';

type Shown = ExecutionView & { readonly steps: readonly StepView[] };

describeOnBrokers('worker processes for single queues', (broker) => {
  it('a chain of 12 steps over three queues runs each step in its own pool, and executions show tells it', async () => {
    await using fixture = await makeFixtureDatabase(broker);
    const options = { environment: fixture.environment };
    await using tasks = new ReeveProcess(['worker', '-Q', 'tasks', '--json'], options);
    await using heavy = new ReeveProcess(['worker', '-Q', 'heavy', '-c', '1', '--json'], options);
    await using background = new ReeveProcess(['worker', '-Q', 'background', '--json'], options);
    const pools = { tasks, heavy, background };
    for (const pool of Object.values(pools)) await pool.says(/"event":"worker.ready"/);

    const { executionId } = await fixture.reeve.execute(installDevice, await fixture.saveDevice());
    const outcome = await fixture.reeve.result(executionId, { timeout: '60s' });
    const shown = await reeveJson<Shown>(['executions', 'show', executionId], options);

    expect(outcome).toMatchObject({ state: 'succeeded' });
    expect(shown).toMatchObject({ state: 'succeeded', stepsDone: 12, stepsTotal: 12 });
    const steps = shown.steps.filter(({ kind }) => kind === 'task');
    expect(steps.map(({ queue }) => queue)).toEqual(installQueues);
    const workers = steps.map(({ attempts }) => attempts.map(({ worker }) => worker?.split('/')[1]));
    expect(workers).toEqual(installQueues.map((queue) => [String(pools[queue as keyof typeof pools].pid)]));
    // What each step returned says the same, without the ledger's word for it.
    expect(steps.map(({ result }) => result)).toEqual(
      installQueues.map((queue) => ({ pid: pools[queue as keyof typeof pools].pid })),
    );
    for (const pool of Object.values(pools)) pool.kill('SIGTERM');
    for (const pool of Object.values(pools)) expect(await pool.end()).toMatchObject({ exitCode: 0 });
  });

  it('a queue with work but no worker is marked by status, and --burst works it off and exits', async () => {
    await using fixture = await makeFixtureDatabase(broker);
    const options = { environment: fixture.environment };
    const { executionId } = await fixture.reeve.execute(installDevice, await fixture.saveDevice());

    const before = await runReeve(['status'], options);
    const burst = await runReeve(['worker', '--burst'], options);
    const outcome = await fixture.reeve.result(executionId, { timeout: '1s' });
    const after = await eventually(async () => {
      const run = await runReeve(['status'], options);
      expect(run.stdout).toContain('no worker lives');
      return run;
    });

    expect(before.stdout).toMatch(/^tasks +1 +0 +0 +0 +.*! work but no worker$/m);
    expect(before.stdout).toContain('executions: 1 running');
    expect(burst).toMatchObject({ exitCode: 0 });
    expect(outcome).toMatchObject({ state: 'succeeded' });
    expect(after.stdout).toMatch(/^tasks +0 +0 +0 +0 +–$/m);
  });
});
