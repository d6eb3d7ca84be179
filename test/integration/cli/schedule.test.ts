import { describe, expect, it } from '@jest/globals';
import type { ScheduleExplanation, ScheduleView } from '../../../src/index.ts';
import { eventually } from '../../support/eventually.ts';
import { makeFixtureDatabase } from './fixture-database.ts';
import { reeveJson, ReeveProcess, runReeve } from './reeve-process.ts';

describe('reeve schedule and reeve beat', () => {
  it('make, fire, explain, change and delete a schedule', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const options = { environment: fixture.environment };
    const made = await runReeve(
      ['schedule', 'create', 'beep', 'tell-tasks', '--every', '1s', '--overlap', 'allow'],
      options,
    );
    expect(made).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^schedule +beep\ntarget +task tell-tasks\n/),
    });
    await using _beat = new ReeveProcess(['beat'], options);
    await eventually(
      async () => {
        const { past } = await reeveJson<ScheduleExplanation>(['schedule', 'explain', 'beep'], options);
        expect(past[0]).toMatchObject({ verdict: 'fired', reason: null });
      },
      { timeoutMs: 20_000, pauseMs: 300 },
    );
    const text = await runReeve(['schedule', 'explain', 'beep', '-n', '1'], options);
    expect(text.stdout).toMatch(/WAS DUE +VERDICT +LATE +EXECUTION +WHY\n\S+Z +fired +\d+ ms +[0-9a-f-]{36}/);
    const edited = await reeveJson<ScheduleView>(['schedule', 'edit', 'beep', '--cron', '0 3 * * *'], options);
    expect(edited.options).toMatchObject({ cron: '0 3 * * *', overlap: 'allow' });
    const paused = await reeveJson<ScheduleView>(['schedule', 'pause', 'beep', '--reason', 'quiet'], options);
    expect(paused).toMatchObject({ state: 'paused', pausedReason: 'quiet' });
    expect((await runReeve(['schedule', 'list'], options)).stdout).toMatch(
      /beep +tell-tasks +0 3 \* \* \* +UTC +paused/,
    );
    expect(await reeveJson(['schedule', 'resume', 'beep'], options)).toMatchObject({ state: 'active' });
    expect(await reeveJson(['schedule', 'run', 'beep'], options)).toMatchObject({ created: true });
    expect(await reeveJson(['schedule', 'delete', 'beep'], options)).toEqual({ deleted: 'beep' });
    expect(await runReeve(['schedule', 'show', 'beep'], options)).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('SCHEDULE_UNKNOWN'),
    });
  });

  it('check tells what is right, and refuses what is wrong, without an app', async () => {
    const right = await runReeve(['schedule', 'check', '30 3 * * *', '--time-zone', 'Europe/Tallinn']);
    expect(right).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^30 3 \* \* \*\nDUE +ON THE CLOCK THERE/),
    });
    const wrong = await runReeve(['schedule', 'check', '* * * *']);
    expect(wrong).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringContaining('has 4 fields; write five'),
    });
  });
});
