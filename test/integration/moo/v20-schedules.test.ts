import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeOnBrokers } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { makeWorld, type WorldBundle } from '../../support/world.ts';
import { withinMs } from '../../support/within.ts';

describeOnBrokers('schedules and continuations of verbs', (broker) => {
  let world: WorldBundle;
  beforeAll(async () => {
    world = await makeWorld(broker, { timeLimit: '2s' });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  it('V20 only verbs owned by wizards may have schedules, whoever runs them', async () => {
    const source = (when: string): string => `print(invoke(this.verb('tell'), ${when}))`;
    await world.verb('Prog', 'context.player', 'every20', source('{ every: 60 }'));
    await world.verb('Prog', 'context.player', 'cron20', source(`{ cron: '*/5 * * * *' }`));
    for (const line of ['every20', 'cron20']) {
      expect((await world.run('Prog', line)).output).toEqual([
        '[error] Only verbs owned by wizards can create persistent scheduled tasks.',
      ]);
    }
    await world.verb('Wizard', '$.programmer', 'every20w', source('{ every: 60 }'));
    const { output } = await world.run('Prog', 'every20w');
    expect(output[0]).toMatch(/^verb-/);
    expect(await world.value(`cancelScheduledTask('${output[0]}')`)).toBe(true);
  });

  it('V21 a verb that is run every second runs, tells about itself, and ends when it is canceled', async () => {
    const beat = await world.bundle.reeve.startBeat();
    await world.code('Wizard', `context.player.counter = 0`);
    await world.verb('Wizard', 'context.player', 'count21', `this.counter = this.counter + 1`);
    const id = await world.text('Wizard', `return invoke(context.player.verb('count21'), { every: 1 })`);
    const info = `getScheduledTaskInfo('${id}')`;
    await eventually(
      async () =>
        expect(await world.value(info)).toMatchObject({ enabled: true, intervalSeconds: 1, totalRunCount: 3 }),
      { pauseMs: 100 },
    );
    expect(await world.value(info)).toMatchObject({
      lastRunAt: expect.stringMatching(/Z$/),
      task: expect.stringMatching(/:count21$/),
    });
    await world.quiet();
    const counted = Number(await world.value('context.player.counter'));
    expect(counted).toBeGreaterThanOrEqual(2);
    expect(counted).toBeLessThanOrEqual(4);
    expect((await world.run('Prog', `;${info}`)).error?.message).toMatch(/Only verbs owned by wizards can read/);
    expect((await world.run('Prog', `;cancelScheduledTask('x')`)).error?.message).toMatch(
      /Only verbs owned by wizards can cancel/,
    );
    expect(await world.value(`cancelScheduledTask('${id}')`)).toBe(true);
    expect(await world.value(`cancelScheduledTask('${id}')`)).toBe(false);
    expect(await world.value(info)).toBeNull();
    expect(await world.bundle.query('SELECT name FROM reeve.schedule')).toEqual([]);
    await beat.stop();
  });

  it('V22 cron has five fields, is next due at a multiple of five minutes, and wrong ones leave no row', async () => {
    const id = await world.text('Wizard', `return invoke(context.player.verb('tell'), { cron: '*/5 * * * *' })`);
    const info = (await world.value(`getScheduledTaskInfo('${id}')`)) as {
      nextRunAt: string;
      intervalSeconds: null;
    };
    expect(new Date(info.nextRunAt).getTime() % 300_000).toBe(0);
    expect(info.intervalSeconds).toBeNull();
    await world.value(`cancelScheduledTask('${id}')`);
    for (const cron of ['99 * * * *', '1 2 3', '* * * * * *', '']) {
      const { error } = await world.bundle.reeve.world.code(
        'Wizard',
        `invoke(context.player.verb('tell'), { cron: '${cron}' })`,
      );
      expect(error?.message).toMatch(/^UserError/);
    }
    expect(await world.bundle.query('SELECT name FROM reeve.schedule')).toEqual([]);
  });

  it('V26 a task that goes on beyond its limit is killed, leaves nothing, and nobody else notices', async () => {
    await world.code('Prog', `context.player.mark26 = 'before'`);
    await world.verb(
      'Prog',
      'context.player',
      'forever',
      `
      context.player.mark26 = 'after'; context.player.tell('started'); for (;;) 'x'.repeat(20000).split('');`,
    );
    const begun = performance.now();
    const [answer, other] = await Promise.all([
      world.bundle.reeve.world.command('Prog', 'forever'),
      world.bundle.reeve.world.command('Wizard', 'look'),
    ]);
    expect(performance.now() - begun).toBeLessThan(withinMs(4_000));
    expect(answer).toMatchObject({ state: 'timed_out', error: { code: 'VERB_TIMED_OUT' } });
    expect(other).toMatchObject({ state: 'ok', exitStatus: 0 });
    expect(await world.heard('Prog')).toEqual(
      expect.arrayContaining(['started', '[error] Task exceeded its time limit (2 s).']),
    );
    expect(await world.value(`lookup('Prog').mark26`)).toBe('before');
  });

  it('V27 the budget is shared by all verbs of a task, and each task has its own', async () => {
    await world.verb(
      'Prog',
      'context.player',
      'fifth',
      `
      const t = Date.now(); while (Date.now() - t < 300) 'x'.repeat(20000).split(''); context.player.tell('fifth done');`,
    );
    await world.verb('Prog', 'context.player', 'ten27', `for (let i = 0; i < 10; i++) this.fifth();`);
    await world.verb(
      'Prog',
      'context.player',
      'ten27later',
      `for (let i = 0; i < 10; i++) invoke(this.verb('fifth'));`,
    );
    expect((await world.run('Prog', 'ten27')).state).toBe('timed_out');
    const before = (await world.heard('Prog')).filter((line) => line === 'fifth done').length;
    expect((await world.run('Prog', 'ten27later')).state).toBe('ok');
    await world.quiet();
    expect((await world.heard('Prog')).filter((line) => line === 'fifth done')).toHaveLength(before + 10);
  });

  it('V28 context.taskTime counts down from the limit', async () => {
    const { result } = await world.run(
      'Prog',
      ';;const { elapsed, timeLimit, remaining } = context.taskTime; return [timeLimit, elapsed >= 0, remaining <= 2, taskTimeLow(), taskTimeLow(5)]',
    );
    expect(result).toEqual([2, true, true, false, true]);
  });

  it('V29 a batch that hands itself on touches every item once, in several tasks', async () => {
    await world.verb(
      'Prog',
      'context.player',
      'batch29',
      `
      const items = args.length === 0 ? Array.from({ length: 200 }, (_, i) => i) : args[0];
      const done = [];
      for (const [index, item] of items.entries()) {
        if (taskTimeLow(1.2)) {
          context.player.did29 = context.player.did29.concat(done);
          scheduleContinuation(items.slice(index), this.verb('batch29'));
          return;
        }
        const t = Date.now(); while (Date.now() - t < 20) 'x'.repeat(2000).split('');
        done.push(item);
      }
      context.player.did29 = context.player.did29.concat(done);
      context.player.tell('batch done by ' + context.player.name);`,
    );
    await world.code('Prog', `context.player.did29 = []`);
    const tasks = await world.count('invokeVerb');
    expect((await world.run('Prog', 'batch29')).state).toBe('ok');
    await eventually(async () => expect(await world.heard('Prog')).toContain('batch done by Prog'), {
      timeoutMs: 40_000,
    });
    await world.quiet();
    const did = (await world.value(`lookup('Prog').did29`)) as number[];
    expect(did.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    const left = (await world.heard('Prog'))
      .flatMap((line) => /Continuing \((\d+) remaining\)/.exec(line)?.[1] ?? [])
      .map(Number);
    expect(left.length).toBeGreaterThanOrEqual(2);
    expect(left).toEqual(left.toSorted((a, b) => b - a));
    expect((await world.heard('Prog')).filter((line) => line === 'batch done by Prog')).toHaveLength(1);
    expect((await world.count('invokeVerb')) - tasks).toBe(left.length);
    expect(
      await world.bundle.query(
        `SELECT id FROM reeve.execution WHERE error->>'code' = 'VERB_TIMED_OUT' AND executor = 'verbs.invokeVerb'`,
      ),
    ).toEqual([]);
  }, 90_000);
});
