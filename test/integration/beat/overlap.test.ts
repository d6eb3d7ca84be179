import { describe, expect, it } from '@jest/globals';
import { defineActionExecutor, defineExecutor, defineTask, type PastDueTime } from '../../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { readVolume, volumeIn } from '../../support/start.ts';
import { Outside, testResources } from '../../support/volume.ts';

async function past(bundle: Bundle, name: string): Promise<readonly PastDueTime[]> {
  return (await bundle.reeve.schedules.explain(name, { past: 50 })).past.toReversed();
}

const executionStates = async (bundle: Bundle): Promise<string[]> =>
  (await bundle.query<{ state: string }>('SELECT state FROM reeve.execution ORDER BY created_at')).map(
    ({ state }) => state,
  );

describeOnBrokers('overlap cancelRunning', (broker) => {
  it('cancels the run that is alive, and starts in its place once its step has ended', async () => {
    let runs = 0;
    const slow = defineTask({
      name: 'slow',
      run: async (_input, { signal }) => {
        runs += 1;
        const { promise, reject } = Promise.withResolvers<never>();
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        await promise;
      },
    });
    await using bundle = await makeBundle(broker, { tasks: [slow] });
    const { schedules } = bundle.reeve;
    await schedules.create({ name: 'slow', target: slow, every: '2s', overlap: 'cancelRunning', maxRuns: 3 });
    await bundle.reeve.startWorker();
    await bundle.reeve.startBeat();
    await eventually(async () => expect(await executionStates(bundle)).toEqual(['canceled', 'canceled', 'running']), {
      timeoutMs: 15_000,
    });
    await eventually(() => expect(runs).toBe(3));
    const fires = await past(bundle, 'slow');
    expect(fires.map(({ verdict }) => verdict)).toEqual(['fired', 'fired', 'fired']);
    expect(fires[1]?.reason).toBe('waited for the end of the run before');
    const [first] = fires;
    const canceled = await bundle.reeve.execution(first?.executionId ?? '');
    expect(canceled.operations).toMatchObject([
      { action: 'cancel', by: 'schedule slow', reason: `due again at ${fires[1]?.dueAt.toISOString()}` },
    ]);
    await bundle.reeve.cancel(fires[2]?.executionId ?? '');
  });

  it('starts at once in place of a run that has not begun, on the same resource, with its children', async () => {
    const { volume } = testResources(new Outside());
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.wait('1h').call('rename') });
    const nested = defineExecutor(volume, {
      name: 'volume.nested',
      facts: ({ id }) => ({ id }),
      plan: (p, _input, { id }) => p.child(rename, id, {}),
    });
    await using bundle = await makeBundle(broker, { executors: [rename, nested] });
    const { id } = await volumeIn(bundle, 'ok');
    const two = { every: '1s', overlap: 'cancelRunning', maxRuns: 2 } as const;
    await bundle.reeve.schedules.create({ ...two, name: 'rename', target: rename, resource: id });
    const beat = await bundle.reeve.startBeat();
    await eventually(async () => expect(await executionStates(bundle)).toEqual(['canceled', 'running']));
    const fires = await past(bundle, 'rename');
    expect(fires).toMatchObject([{ verdict: 'fired' }, { verdict: 'fired', reason: null }]);
    expect(await readVolume(bundle, id)).toMatchObject({ executionId: fires[1]?.executionId });
    await beat.stop();
    await bundle.reeve.cancel(fires[1]?.executionId ?? '');

    const other = await volumeIn(bundle, 'ok');
    await bundle.reeve.startWorker();
    await bundle.reeve.schedules.create({ ...two, name: 'nested', target: nested, resource: other.id });
    await bundle.reeve.startBeat();
    const child = (state: string) =>
      bundle.query(
        `SELECT 1 FROM reeve.execution WHERE executor = 'volume.rename' AND resource_id = $1 AND state = $2`,
        [other.id, state],
      );
    await eventually(async () => expect(await child('canceled')).toHaveLength(1), { timeoutMs: 15_000 });
    await eventually(async () => expect(await child('running')).toHaveLength(1), { timeoutMs: 15_000 });
    const last = (await past(bundle, 'nested')).at(-1);
    await bundle.reeve.cancel(last?.executionId ?? '');
    await eventually(async () => expect(await child('running')).toHaveLength(0));
  });

  it('of several due times that could not start the newest counts', async () => {
    const tick = defineTask({ name: 'tick', run: () => null });
    await using bundle = await makeBundle(broker, { tasks: [tick] });
    const options = { every: '1h', overlap: 'cancelRunning', catchUp: { window: '1d' } } as const;
    await bundle.reeve.schedules.create({ name: 'hourly', target: tick, ...options });
    await bundle.query(
      `UPDATE reeve.schedule SET next_due_at = next_due_at - interval '210 minutes', created_at = created_at - interval '210 minutes'`,
    );
    await bundle.reeve.startBeat();
    await eventually(async () => expect(await past(bundle, 'hourly')).toHaveLength(3));
    const fires = await past(bundle, 'hourly');
    expect(fires.map(({ verdict }) => verdict)).toEqual(['skipped', 'skipped', 'caught_up']);
    expect(fires[0]?.reason).toBe(`gave way to the due time ${fires[2]?.dueAt.toISOString()}`);
    expect(await executionStates(bundle)).toEqual(['running']);
  });
});

describe('while the queue of its task is paused', () => {
  it.each([
    ['skip', ['fired', 'skipped', 'skipped'], ['running']],
    ['bufferOne', ['fired', 'waiting', 'skipped'], ['running']],
    ['cancelRunning', ['fired', 'fired', 'fired'], ['canceled', 'canceled', 'running']],
    ['allow', ['fired', 'fired', 'fired'], ['running', 'running', 'running']],
  ] as const)('with overlap %s the due times are %j and the executions %j', async (overlap, verdicts, states) => {
    const ran: string[] = [];
    const tick = defineTask({ name: 'tick', run: (_input, { executionId }) => ran.push(executionId) });
    await using bundle = await makeBundle('postgres', { tasks: [tick] });
    const { schedules } = bundle.reeve;
    await bundle.reeve.pauseQueue('tasks', { reason: 'the rack is moved' });
    await bundle.reeve.startWorker();
    const beat = await bundle.reeve.startBeat();
    await schedules.create({ name: 'tick', target: tick, every: '1s', overlap });
    const firsts = await eventually(async () => {
      const fires = (await past(bundle, 'tick')).slice(0, 3);
      expect(fires.map(({ verdict }) => verdict)).toEqual(verdicts);
      return fires;
    });
    await schedules.pause('tick');
    await beat.stop();
    expect((await executionStates(bundle)).slice(0, states.length)).toEqual(states);
    expect(ran).toEqual([]);
    // What waits in the queue runs when it is resumed: the first run, or the newest.
    await bundle.reeve.resumeQueue('tasks');
    const runs = firsts.filter((_fire, index) => states[index] === 'running');
    const expected = overlap === 'cancelRunning' ? [] : runs.map(({ executionId }) => executionId);
    await eventually(async () => {
      expect(ran).toEqual(expect.arrayContaining(expected));
      expect(new Set(await executionStates(bundle))).not.toContain('running');
    });
    expect(ran.length).toBeGreaterThan(0);
  });
});
