import { describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { z } from 'zod';
import {
  defineActionExecutor,
  defineBackgroundTask,
  defineSchedule,
  defineTask,
  type PastDueTime,
  type ScheduleView,
} from '../../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { volumeIn } from '../../support/start.ts';
import { Outside, testResources } from '../../support/volume.ts';
import { withinMs } from '../../support/within.ts';

const note = defineTask({ name: 'note', input: z.object({ n: z.number() }), run: ({ n }) => n });
const tick = defineTask({ name: 'tick', run: () => 'tock' });

async function past(bundle: Bundle, name: string): Promise<readonly PastDueTime[]> {
  return (await bundle.reeve.schedules.explain(name, { past: 50 })).past;
}

/** As if no beat had run for so long: the schedule is moved back with everything that it counts from. */
async function beatWasAway(bundle: Bundle, name: string, interval: string): Promise<void> {
  await bundle.query(
    `UPDATE reeve.schedule SET next_due_at = next_due_at - $2::interval, created_at = created_at - $2::interval
     WHERE name = $1`,
    [name, interval],
  );
}

describeOnBrokers('a beat', (broker) => {
  it('runs a task by the clock, with its input, and tells of every due time', async () => {
    const schedule = defineSchedule(note, { name: 'every-second', every: '1s', input: { n: 7 }, overlap: 'allow' });
    await using bundle = await makeBundle(broker, { tasks: [note], schedules: [schedule] });
    await bundle.reeve.startWorker();
    await bundle.reeve.startBeat();
    await eventually(async () => expect((await past(bundle, 'every-second')).length).toBeGreaterThanOrEqual(3));
    const fires = (await past(bundle, 'every-second')).toReversed();
    for (const [index, fire] of fires.entries()) {
      expect(fire).toMatchObject({ verdict: 'fired', reason: null });
      expect(fire.latenessMs).toBeLessThan(withinMs(900));
      const before = fires[index - 1];
      if (before !== undefined) expect(Number(fire.dueAt) - Number(before.dueAt)).toBe(1_000);
    }
    const first = await bundle.reeve.result(fires[0]?.executionId ?? '', { timeout: '60s' });
    expect(first).toMatchObject({ state: 'succeeded', result: 7 });
  });

  it('spends one transaction on a fire that is alone', async () => {
    await using bundle = await makeBundle(broker, { tasks: [tick] });
    const ask = jest.spyOn(pg.Client.prototype, 'query');
    try {
      await bundle.reeve.startBeat();
      await bundle.reeve.schedules.create({ name: 'alone', target: tick, every: '1s', overlap: 'allow' });
      await eventually(async () => expect((await past(bundle, 'alone')).length).toBeGreaterThanOrEqual(3));
      const transactions = ask.mock.calls.filter(([query]) => query === 'START TRANSACTION').length;
      // It was five for each; where this process was held up, two due times at once are looked at alone.
      expect(transactions).toBeLessThanOrEqual((await past(bundle, 'alone')).length * 2 + 2);
      expect(transactions).toBeGreaterThanOrEqual(3);
    } finally {
      ask.mockRestore();
    }
  });

  it('goes on with the others where the database refuses what one of them starts', async () => {
    const poison = defineTask({ name: 'poison', run: () => null });
    await using bundle = await makeBundle(broker, { tasks: [tick, poison] });
    await bundle.query(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$`,
    );
    await bundle.query(`CREATE TRIGGER refuse BEFORE INSERT ON reeve.execution FOR EACH ROW
      WHEN (NEW.executor = 'poison') EXECUTE FUNCTION refuse()`);
    const when = { every: '1s', overlap: 'allow' } as const;
    await bundle.reeve.schedules.create({ name: 'bad', target: poison, ...when });
    await bundle.reeve.schedules.create({ name: 'good', target: tick, ...when });
    await bundle.reeve.startBeat();
    await eventually(async () => {
      const [, before] = await past(bundle, 'good');
      expect(before).toMatchObject({ verdict: 'fired' });
      expect((await past(bundle, 'bad'))[0]).toMatchObject({
        verdict: 'skipped',
        reason: expect.stringContaining('not this one'),
      });
    });
  });

  it('runs an executor on its resource', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    const row = await volumeIn(bundle, 'ok');
    await bundle.reeve.startWorker();
    await bundle.reeve.startBeat();
    const at = new Date(Date.now() + 1_200);
    await bundle.reeve.schedules.create({ name: 'rename', target: rename, resource: row.id, at });
    const fire = await eventually(async () => {
      const [only] = await past(bundle, 'rename');
      expect(only).toMatchObject({ verdict: 'fired', dueAt: at });
      return only;
    });
    expect(await bundle.reeve.result(fire?.executionId ?? '', { timeout: '60s' })).toMatchObject({
      state: 'succeeded',
    });
    expect(await bundle.reeve.schedules.get('rename')).toMatchObject({ state: 'ended', runs: 1, nextDueAt: null });
  });

  it('sees a new and an edited schedule within a second, however far away the next due time is', async () => {
    await using bundle = await makeBundle(broker, { tasks: [tick] });
    const maker = bundle.another();
    await bundle.reeve.startBeat();
    await maker.schedules.create({ name: 'far', target: 'tick', cron: '0 0 1 1 *' });
    const edited = Date.now();
    await maker.schedules.edit('far', { at: new Date(edited + 1_000) });
    await eventually(async () => expect(await past(bundle, 'far')).toHaveLength(1), { timeoutMs: withinMs(3_000) });
    const [fire] = await past(bundle, 'far');
    expect(fire?.latenessMs).toBeLessThan(withinMs(1_000));
    await maker.close();
  });
});

describe('while a run of the schedule is still alive', () => {
  const slowBundle = async (overlap: 'skip' | 'bufferOne' | 'allow') => {
    const gate = Promise.withResolvers<void>();
    const slow = defineTask({ name: 'slow', run: () => gate.promise });
    const schedule = defineSchedule(slow, { name: 'slow', every: '1s', overlap });
    const bundle = await makeBundle('postgres', { tasks: [slow], schedules: [schedule] });
    await bundle.reeve.startWorker();
    await bundle.reeve.startBeat();
    const close = async (): Promise<void> => {
      gate.resolve();
      await bundle[Symbol.asyncDispose]();
    };
    return { bundle, gate, [Symbol.asyncDispose]: close };
  };
  const verdicts = async (bundle: Bundle): Promise<string[]> =>
    (await past(bundle, 'slow')).toReversed().map(({ verdict }) => verdict);

  it('a due time is skipped by default, with the execution that still runs', async () => {
    await using slow = await slowBundle('skip');
    const { bundle, gate } = slow;
    await eventually(async () => expect(await verdicts(bundle)).toEqual(['fired', 'skipped', 'skipped']));
    const [last, , first] = await past(bundle, 'slow');
    expect(last?.reason).toBe(`execution ${first?.executionId} still runs`);
    gate.resolve();
    await eventually(async () => expect((await verdicts(bundle)).slice(3)).toContain('fired'));
  });

  it('bufferOne lets one due time wait for the end, and skips the rest', async () => {
    await using slow = await slowBundle('bufferOne');
    const { bundle, gate } = slow;
    await eventually(async () => expect(await verdicts(bundle)).toEqual(['fired', 'waiting', 'skipped']));
    gate.resolve();
    await eventually(async () => expect((await verdicts(bundle)).slice(0, 3)).toEqual(['fired', 'fired', 'skipped']));
  });

  it('allow starts another beside it', async () => {
    await using slow = await slowBundle('allow');
    const { bundle } = slow;
    await eventually(async () => expect(await verdicts(bundle)).toEqual(['fired', 'fired', 'fired']));
  });

  it('a background task is skipped for its key, whoever started the one that is alive', async () => {
    const pull = defineBackgroundTask({ name: 'pull', key: () => 'all', run: () => null });
    const schedule = defineSchedule(pull, { name: 'pull', every: '1s', overlap: 'allow' });
    await using bundle = await makeBundle('postgres', { tasks: [pull], schedules: [schedule] });
    const { executionId } = await bundle.reeve.execute(pull);
    await bundle.reeve.startBeat();
    const fire = await eventually(async () => {
      const [first] = await past(bundle, 'pull');
      expect(first).toBeDefined();
      return first;
    });
    expect(fire).toMatchObject({ verdict: 'skipped', reason: `execution ${executionId} with the same key is alive` });
  });
});

describe('after three hours without a beat', () => {
  it.each<['last' | 'none' | { window: '150m' | '1d'; limit?: number }, string[]]>([
    ['last', ['missed', 'missed', 'caught_up']],
    ['none', ['missed', 'missed', 'missed']],
    [{ window: '150m' }, ['missed', 'caught_up', 'caught_up']],
    [{ window: '1d', limit: 1 }, ['missed', 'missed', 'caught_up']],
  ])('catchUp %j gives each due time its verdict', async (catchUp, expected) => {
    const schedule = defineSchedule(tick, { name: 'hourly', every: '1h', catchUp, overlap: 'allow' });
    await using bundle = await makeBundle('postgres', { tasks: [tick], schedules: [schedule] });
    const first = await bundle.reeve.startBeat();
    await eventually(async () => expect((await bundle.reeve.schedules.get('hourly')).nextDueAt).not.toBeNull());
    await first.stop();
    await beatWasAway(bundle, 'hourly', '3 hours 30 minutes');
    await bundle.reeve.startBeat();
    const fires = await eventually(async () => {
      const found = await past(bundle, 'hourly');
      expect(found).toHaveLength(3);
      return found.toReversed();
    });
    expect(fires.map(({ verdict }) => verdict)).toEqual(expected);
    const { nextDueAt, runs } = await bundle.reeve.schedules.get('hourly');
    expect(runs).toBe(expected.filter((verdict) => verdict === 'caught_up').length);
    expect(Number(nextDueAt) - Number(fires.at(-1)?.dueAt)).toBe(3_600_000);
  });
});

describe('a deploy', () => {
  const nightly = (changes: object = {}) =>
    defineSchedule(note, {
      name: 'nightly',
      cron: '0 3 * * *',
      timeZone: 'Europe/Tallinn',
      input: { n: 1 },
      ...changes,
    });
  const deploy = async (bundle: Bundle, schedule = nightly()): Promise<ScheduleView> => {
    const reeve = bundle.another({ schedules: [schedule] });
    const beat = await reeve.startBeat();
    await beat.stop();
    const view = await reeve.schedules.get('nightly');
    await reeve.close();
    return view;
  };

  it('takes over what code changed, but neither undoes a pause nor an edit of an operator', async () => {
    await using bundle = await makeBundle('postgres', { tasks: [note] });
    expect(await deploy(bundle)).toMatchObject({ state: 'active', owner: 'code', input: { n: 1 } });
    const schedules = bundle.reeve.schedules;
    await schedules.edit('nightly', { cron: '0 5 * * *', input: { n: 2 } });
    await schedules.pause('nightly', { by: 'ada', reason: 'the disk is full' });
    const after = await deploy(bundle, nightly({ cron: '0 4 * * *', overlap: 'allow', input: { n: 9 } }));
    expect(after).toMatchObject({
      state: 'paused',
      pausedBy: 'ada',
      pausedReason: 'the disk is full',
      options: { cron: '0 5 * * *', overlap: 'allow', timeZone: 'Europe/Tallinn' },
      input: { n: 2 },
    });
    await schedules.resume('nightly');
    const told = await schedules.reset('nightly');
    expect(told).toMatchObject({ options: { cron: '0 4 * * *' }, input: { n: 9 }, edited: {} });
    expect(await schedules.next('nightly', 1)).toEqual([
      expect.objectContaining({ local: expect.stringMatching(/ 04:00:00 \+0[23]:00$/) }),
    ]);
  });

  it('without a schedule stops firing it, and says so', async () => {
    await using bundle = await makeBundle('postgres', { tasks: [note] });
    await deploy(bundle);
    await bundle.query(`UPDATE reeve.schedule SET next_due_at = now()`);
    const beat = await bundle.reeve.startBeat();
    expect(await bundle.reeve.schedules.get('nightly')).toMatchObject({ state: 'unknown', lastDueAt: null });
    await beat.stop();
    expect(await past(bundle, 'nightly')).toEqual([]);
  });
});

describe('a schedule that cannot go on', () => {
  it('is stopped with its error, while the others go on', async () => {
    await using bundle = await makeBundle('postgres', { tasks: [tick] });
    const { schedules } = bundle.reeve;
    await schedules.create({ name: 'broken', target: 'tick', every: '1s' });
    await schedules.create({ name: 'sound', target: 'tick', every: '1s', overlap: 'allow' });
    await bundle.query(`UPDATE reeve.schedule SET timing = '{"cron": "nonsense"}' WHERE name = 'broken'`);
    await bundle.reeve.startBeat();
    await eventually(async () => expect((await past(bundle, 'sound')).length).toBeGreaterThan(1));
    expect(await schedules.get('broken')).toMatchObject({
      state: 'stopped',
      error: { code: 'SCHEDULE_INVALID', message: expect.stringContaining('"nonsense" has 1 field') },
    });
    await schedules.edit('broken', { every: '1s' });
    await eventually(async () => expect((await past(bundle, 'broken')).length).toBeGreaterThan(0));
  });

  it('keeps its due times and tells why nothing was started', async () => {
    await using bundle = await makeBundle('postgres', { tasks: [note] });
    await bundle.reeve.schedules.create({ name: 'wrong', target: 'note', every: '1s', input: { n: 1 } });
    await bundle.query(`UPDATE reeve.schedule SET input = '{"n": "text"}'`);
    await bundle.reeve.startBeat();
    const fire = await eventually(async () => (await past(bundle, 'wrong'))[0] ?? expect(false).toBe(true));
    expect(fire).toMatchObject({ verdict: 'skipped', reason: expect.stringContaining('INPUT_INVALID') });
  });
});

describe('schedules at run time', () => {
  it('are refused with what is wrong', async () => {
    await using bundle = await makeBundle('postgres', { tasks: [note, tick] });
    const { schedules } = bundle.reeve;
    const create = (options: object) => schedules.create({ name: 'x', target: 'tick', ...options } as never);
    await expect(create({ target: 'tikc', every: '1m' })).rejects.toMatchObject({
      code: 'TASK_UNKNOWN',
      message: expect.stringContaining('did you mean "tick"?'),
    });
    await expect(create({ cron: '' })).rejects.toMatchObject({ code: 'SCHEDULE_INVALID' });
    await expect(create({ at: '2020-01-01T00:00:00Z' })).rejects.toThrow('is never due again');
    await expect(create({ every: '1h', ends: '2020-01-01T00:00:00Z' })).rejects.toThrow('is never due again');
    await expect(create({ target: 'note', every: '1m', input: { n: 'x' } })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    });
    await expect(create({ every: '1m', resource: '7' })).rejects.toThrow('takes no resource');
    await create({ every: '1m' });
    await expect(create({ every: '1m' })).rejects.toMatchObject({ code: 'SCHEDULE_EXISTS' });
    await expect(schedules.edit('x', { timeZone: 'Nowhere' })).rejects.toThrow('no IANA zone');
    await expect(schedules.get('y')).rejects.toMatchObject({ code: 'SCHEDULE_UNKNOWN' });
  });

  it('are listed, paused, resumed, run by hand and deleted', async () => {
    await using bundle = await makeBundle('postgres', { tasks: [tick] });
    const { schedules } = bundle.reeve;
    for (const name of ['b', 'a', 'c']) await schedules.create({ name, target: tick, cron: '0 3 * * *' });
    expect((await schedules.list({ limit: 2 })).map(({ name }) => name)).toEqual(['a', 'b']);
    expect((await schedules.list({ after: 'b' })).map(({ name }) => name)).toEqual(['c']);
    expect(await schedules.pause('a', { by: 'ada' })).toMatchObject({ state: 'paused', pausedBy: 'ada' });
    expect(await schedules.resume('a')).toMatchObject({ state: 'active', pausedBy: null });
    const { executionId } = await schedules.run('a');
    await bundle.reeve.startWorker();
    expect((await bundle.reeve.result(executionId)).state).toBe('succeeded');
    await schedules.delete('a');
    await expect(schedules.delete('a')).rejects.toMatchObject({ code: 'SCHEDULE_UNKNOWN' });
  });

  it('stop after maxRuns', async () => {
    await using bundle = await makeBundle('postgres', { tasks: [tick] });
    await bundle.reeve.schedules.create({ name: 'twice', target: tick, every: '1s', maxRuns: 2, overlap: 'allow' });
    await bundle.reeve.startBeat();
    await eventually(async () =>
      expect(await bundle.reeve.schedules.get('twice')).toMatchObject({ runs: 2, state: 'ended', nextDueAt: null }),
    );
    expect(await past(bundle, 'twice')).toHaveLength(2);
  });

  it('explain what daylight saving does to the due times that come', async () => {
    await using bundle = await makeBundle('postgres', { tasks: [tick] });
    const { schedules } = bundle.reeve;
    const tallinn = { target: 'tick', timeZone: 'Europe/Tallinn' } as const;
    await schedules.create({ ...tallinn, name: 'gap', cron: '30 3 * * *', starts: '2028-03-25T00:00:00Z' });
    await schedules.create({
      ...tallinn,
      name: 'fold',
      cron: '30 3 * * *',
      starts: '2028-10-28T12:00:00Z',
      fold: 'twice',
    });
    const { coming } = await schedules.explain('gap', { coming: 2 });
    expect(coming.map(({ local }) => local)).toEqual(['2028-03-25 03:30:00 +02:00', '2028-03-26 04:30:00 +03:00']);
    expect(coming.map(({ note: text }) => text)).toEqual([
      '',
      expect.stringContaining('jumps over 2028-03-26 03:30:00'),
    ]);
    const fold = await schedules.next('fold', 2);
    expect(fold.map(({ local }) => local)).toEqual(['2028-10-29 03:30:00 +03:00', '2028-10-29 03:30:00 +02:00']);
    expect(fold.map(({ note: text }) => text)).toEqual([
      expect.stringContaining('comes twice, and is due both times'),
      expect.stringContaining('a second time'),
    ]);
  });
});
