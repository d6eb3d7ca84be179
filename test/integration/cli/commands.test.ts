import { describe, expect, it } from '@jest/globals';
import type { ExecutionView, ReeveStatus, StepView } from '../../../src/index.ts';
import { makeDatabase } from '../../support/bundle.ts';
import { breakDevice, hold } from './fixture-app/app.ts';
import { makeFixtureDatabase } from './fixture-database.ts';
import { reeveJson, ReeveProcess, runReeve } from './reeve-process.ts';

const isoDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const nowhere = { environment: { DATABASE_URL: 'postgres://reeve:hidden@127.0.0.1:1/nowhere' } };
const unknownId = '00000000-0000-7000-8000-000000000000';

describe('reeve migrate', () => {
  it('says which migrations ran, and then that everything is up to date', async () => {
    const database = await makeDatabase();
    try {
      const options = { environment: { DATABASE_URL: database.url } };
      const early = await runReeve(['status'], options);
      const first = await runReeve(['migrate'], options);
      const second = await runReeve(['migrate'], options);
      const asJson = await reeveJson(['migrate'], options);

      expect(early).toMatchObject({ exitCode: 1, stdout: '' });
      expect(early.stderr).toMatch(/^error LEDGER_NOT_MIGRATED: .*\nnext: Run `reeve migrate`\.\n$/);
      expect(first.stdout).toMatch(/^(ran Ledger\d+\n)+$/);
      expect(second.stdout).toBe('up to date\n');
      expect(asJson).toEqual({ migrations: [] });
    } finally {
      await database.drop();
    }
  });
});

describe('reeve executions', () => {
  it('tells of a failed execution: who did it, every attempt, and the error in full', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const options = { environment: fixture.environment };
    const device = await fixture.saveDevice('ok');
    const { executionId } = await fixture.reeve.execute(breakDevice, device);
    await fixture.reeve.execute(hold);
    const burst = await runReeve(['worker', '-Q', 'heavy', '--burst'], options);
    await using worker = new ReeveProcess(['worker', '-Q', 'tasks'], options);
    await fixture.reeve.result(executionId, { timeout: '60s' });

    const failed = await reeveJson<ExecutionView[]>(['executions', 'list', '--state', 'failed'], options);
    const byResource = ['executions', 'list', '--resource', `test.device/${device.id}`, '--executor', 'break'];
    const listed = await runReeve(byResource, options);
    const newest = await reeveJson<ExecutionView[]>(['executions', 'list', '--limit', '1'], options);
    const shown = await reeveJson<ExecutionView & { steps: StepView[] }>(['executions', 'show', executionId], options);
    const text = await runReeve(['executions', 'show', executionId], options);

    expect(burst).toMatchObject({ exitCode: 0 });
    expect(failed).toEqual([expect.objectContaining({ id: executionId, executor: 'break', resourceId: device.id })]);
    expect(failed[0]?.createdAt).toMatch(isoDate);
    expect(listed.stdout.split('\n')).toEqual([
      expect.stringMatching(/^ID +EXECUTOR +RESOURCE +STATE +STEPS +CURRENT STEP +AGE +DURATION$/),
      expect.stringMatching(new RegExp(`^${executionId} +break +test.device/${device.id} +failed +0/1 +fail +`)),
      '',
    ]);
    expect(newest).toHaveLength(1);
    expect(newest[0]?.id).not.toBe(executionId);
    expect(shown.error).toMatchObject({ code: 'TASK_FAILED', message: 'the rack is full' });
    expect(shown.steps[0]?.attempts.map(({ outcome, worker: by }) => [outcome, by?.split('/')[1]])).toEqual([
      [expect.any(String), String(worker.pid)],
      ['failed', String(worker.pid)],
    ]);
    expect(text.stdout).toMatch(/^1 +fail +tasks +failed +2\/2 .*TASK_FAILED the rack is full$/m);
    expect(text.stdout).toMatch(/^Error: the rack is full\n +at .*fixture-app\/app\.ts:\d+/m);
    expect(text.stdout).toContain('attempts that did not succeed');
    // The other execution holds a step of this worker.
    worker.kill('SIGKILL');
  });

  it('takes the beginning of an id where it is unique, and lists the ids where it is not', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const options = { environment: fixture.environment };
    const one = await fixture.reeve.execute(hold);
    const two = await fixture.reeve.execute(hold);
    const unique = one.executionId.split('').findIndex((letter, index) => letter !== two.executionId[index]) + 1;

    const found = await reeveJson(['executions', 'show', one.executionId.slice(0, unique)], options);
    const ambiguous = await runReeve(['executions', 'show', one.executionId.slice(0, 4)], options);
    const strange = await runReeve(['executions', 'show', 'volume'], options);
    const missing = await runReeve(['executions', 'show', 'ffffffff'], options);
    const unknown = await runReeve(['executions', 'show', unknownId, '--json'], options);

    expect(found).toMatchObject({ id: one.executionId });
    expect(ambiguous).toMatchObject({ exitCode: 2, stdout: '' });
    for (const { executionId } of [one, two]) expect(ambiguous.stderr).toContain(executionId);
    expect(strange).toMatchObject({ exitCode: 2 });
    expect(missing).toMatchObject({ exitCode: 3 });
    expect(unknown).toMatchObject({ exitCode: 3, stderr: '' });
    expect(JSON.parse(unknown.stdout)).toEqual({
      error: {
        code: 'EXECUTION_NOT_FOUND',
        message: `there is no execution ${unknownId}`,
        next: expect.stringContaining('Check the id'),
        details: { executionId: unknownId },
      },
    });
  });

  it('shows the host and the pid of the worker for a step that is still running, in status too', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const options = { environment: fixture.environment };
    await using worker = new ReeveProcess(['worker', '-Q', 'tasks', '-c', '7'], options);
    const { executionId } = await fixture.reeve.execute(hold);
    await fixture.held(executionId);

    const text = await runReeve(['executions', 'show', executionId], options);
    const status = await reeveJson<ReeveStatus>(['status'], options);

    expect(text.stdout).toMatch(new RegExp(`^1 +hold +tasks +running +1/\\d+ .*/${worker.pid}$`, 'm'));
    expect(status.workers).toEqual([expect.objectContaining({ pid: worker.pid, queues: { tasks: 7 } })]);
    expect(status.queues.find(({ name }) => name === 'tasks')).toMatchObject({ running: 1, workers: 1 });
    await fixture.release(executionId);
    await fixture.reeve.result(executionId, { timeout: '60s' });
  });
});

describe('reeve list', () => {
  it('shows what is registered without a database, decorated entities included', async () => {
    const all = await reeveJson<Record<string, { name: string }[]>>(['list'], nowhere);
    const queues = await reeveJson(['list', 'queues'], nowhere);
    const text = await runReeve(['list', 'resources'], nowhere);

    expect(Object.keys(all)).toEqual(['executors', 'tasks', 'queues', 'resources']);
    expect(all['executors']).toContainEqual({
      name: 'test.device.create',
      kind: 'create',
      resource: 'test.device',
      version: 1,
      priority: 0,
    });
    expect(all['tasks']?.map(({ name }) => name)).toEqual([
      'tell-tasks',
      'tell-heavy',
      'tell-background',
      'hold',
      'hang',
      'spin',
      'apart',
      'fail',
    ]);
    expect(all['tasks']).toContainEqual({ name: 'spin', queue: 'heavy', isolation: 'thread', description: 'spin' });
    expect(queues).toContainEqual({ name: 'heavy', concurrency: 2, isolation: null });
    expect(text.stdout).toMatch(/^resources \(1\)\nNAME +ENTITY +STATES\ntest\.device +Device +creation_scheduled, /);
  });
});

describe('wrong calls', () => {
  it.each([
    ['an unknown command, with the nearest one', ['wrker'], 2, /unknown command 'wrker'\n\(Did you mean worker\?\)/],
    [
      'an unknown option, with the nearest one',
      ['status', '--jsn'],
      2,
      /unknown option '--jsn'\n\(Did you mean --json\?\)/,
    ],
    [
      'an unknown queue, with the nearest one',
      ['worker', '-Q', 'havy'],
      2,
      /QUEUE_UNKNOWN: queue "havy".*mean "heavy"\?/,
    ],
    ['an unknown queue to exclude', ['worker', '-X', 'nothing'], 2, /QUEUE_UNKNOWN: queue "nothing"/],
    ['a worker without a queue', ['worker', '-X', 'tasks,heavy,background,verbs'], 2, /no queue is left/],
    ['a concurrency without a queue', ['worker', '-c', '2'], 2, /-c is for the queues that -Q names/],
    ['a concurrency that is not a number', ['worker', '-Q', 'heavy', '-c', 'many'], 2, /whole number from 1 to 1000/],
    ['a state that does not exist', ['executions', 'list', '--state', 'done'], 2, /Allowed choices are running/],
    ['a limit out of range', ['executions', 'list', '--limit', '1001'], 2, /whole number from 1 to 1000/],
    ['a missing id', ['executions', 'show'], 2, /missing required argument 'id'/],
    ['a log level that does not exist', ['status', '-l', 'loud'], 2, /Allowed choices are silent/],
    [
      'a config that does not exist',
      ['status', '-A', 'nothing.ts'],
      2,
      /-A names nothing\.ts.*\n {2}- \/.*nothing\.ts\nnext: .*-A/,
    ],
    [
      'no config in the folder',
      ['status', '-A', '..'],
      2,
      /reeve\.config\.ts\n.*reeve\.config\.js\n.*reeve\.config\.mjs\n/,
    ],
    ['no database', ['status'], 69, /^error LEDGER_UNAVAILABLE: PostgreSQL does not answer: .*ECONNREFUSED/],
    ['no database for a worker', ['worker'], 69, /LEDGER_UNAVAILABLE/],
    ['no database to migrate', ['migrate'], 69, /LEDGER_UNAVAILABLE/],
  ] as const)('%s is refused with the right exit code', async (_what, args, exitCode, words) => {
    const [asText, asJson] = await Promise.all([
      runReeve(args, nowhere),
      runReeve([...args.slice(0, 1), '--json', ...args.slice(1)], nowhere),
    ]);
    expect(asText).toMatchObject({ exitCode, stdout: '' });
    expect(asText.stderr).toMatch(words);
    expect(asText.stderr).not.toContain('hidden');
    expect(asJson).toMatchObject({ exitCode, stderr: '' });
    expect(JSON.parse(asJson.stdout)).toEqual({
      error: {
        code: expect.any(String),
        message: expect.any(String),
        next: expect.any(String),
        details: expect.any(Object),
      },
    });
  });

  it('show the stack with -l debug only', async () => {
    const quiet = await runReeve(['status'], nowhere);
    const loud = await runReeve(['status', '-l', 'debug'], nowhere);
    expect(quiet.stderr).not.toMatch(/^ +at /m);
    expect(loud.stderr).toMatch(/^ +at /m);
  });
});

describe('reeve itself', () => {
  it('prints its version, and help with examples, without a config', async () => {
    const version = await runReeve(['--version'], { cwd: '/' });
    const help = await runReeve(['--help'], { cwd: '/' });
    const nothing = await runReeve([], { cwd: '/' });
    const worker = await runReeve(['worker', '--help'], { cwd: '/' });
    expect(version).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' });
    expect(help).toMatchObject({ exitCode: 0, stderr: '', stdout: expect.stringContaining('$ reeve dev') });
    expect(nothing).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining('Usage: reeve') });
    expect(worker.stdout).toContain('--exclude-queues');
  });

  it('prints colours only where FORCE_COLOR asks for them and nothing forbids them', async () => {
    const run = async (environment: Record<string, string>, ...args: string[]) =>
      (await runReeve(['list', 'queues', ...args], { environment })).stdout.includes('\u001B[');
    expect(await run({})).toBe(false);
    expect(await run({ FORCE_COLOR: '1' })).toBe(true);
    expect(await run({ FORCE_COLOR: '1' }, '--no-color')).toBe(false);
  });
});
