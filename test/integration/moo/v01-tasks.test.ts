import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { invokeVerb, parseCommand } from '../../../src/index.ts';
import { describeOnBrokers } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { makeWorld, type WorldBundle } from '../../support/world.ts';

const busyFor = (ms: number): string =>
  `{ const t = Date.now(); while (Date.now() - t < ${ms}) 'x'.repeat(20000).split(''); }`;

describeOnBrokers('the tasks of verbs', (broker) => {
  let world: WorldBundle;
  beforeAll(async () => {
    world = await makeWorld(broker);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  it('V1 a command answers with the lines that its verb prints and with status 0', async () => {
    await world.verb('Prog', 'context.player', 'hi', `print('hello')`);
    const played = await world.run('Prog', 'hi');
    expect(played).toMatchObject({ output: ['hello'], exitStatus: 0, state: 'ok' });
    expect(await world.bundle.reeve.execution(played.executionId)).toMatchObject({ state: 'succeeded' });
  });

  it('V2 an empty line does nothing and is no error', async () => {
    expect(await world.run('Prog', '   ')).toMatchObject({ output: [], exitStatus: 0, state: 'ok' });
  });

  it('V3 a UserError is one line after what was printed, without a stack trace', async () => {
    await world.verb('Prog', 'context.player', 'oops', `print('before'); throw new UserError('boom')`);
    expect(await world.run('Prog', 'oops')).toMatchObject({ output: ['before', '[error] boom'], exitStatus: 1 });
  });

  it('V4 a refusal names what is missing', async () => {
    await world.verb('Prog', 'context.player', 'steal', `lookup('Wizard').name = 'Fool'`);
    const { output, exitStatus } = await world.run('Prog', 'steal');
    expect(exitStatus).toBe(1);
    expect(output[0]).toMatch(/^\[error\] PermissionError: #\d+ is not allowed to 'write' on #\d+ \(Wizard\)$/);
  });

  it('V5 an unexpected error says nothing of its inside to an ordinary player', async () => {
    await world.verb('Prog', 'context.player', 'secret', `throw new Error('secret detail')`);
    const { output, messages } = await world.run('Prog', 'secret');
    expect(output).toEqual(['[error] An error occurred while executing the command.']);
    expect(JSON.stringify([output, messages])).not.toContain('secret detail');
  });

  it('V6 a wizard is shown where in the verb it happened', async () => {
    await world.verb('Wizard', 'context.player', 'secret2', `\nthrow new Error('secret detail')`);
    const { output } = await world.run('Wizard', 'secret2');
    expect(output[1]).toContain('secret detail');
    expect(output[1]).toMatch(/:secret2:2/);
  });

  it('V7 whatever leaves a verb takes all of its writes back, in each of the three tasks', async () => {
    const ghost = (name: string): string =>
      `create('${name}', { location: context.player }); context.player.setProperty('mark_${name}', 1); throw new Error('no')`;
    await world.verb('Prog', 'context.player', 'ghost1', ghost('Ghostly1'));
    await world.verb('Prog', 'context.player', 'ghost2', ghost('Ghostly2'));
    expect((await world.run('Prog', 'ghost1')).exitStatus).toBe(1);
    const prog = (await world.bundle.reeve.world.avatar('Prog')).id;
    const { executionId } = await world.bundle.reeve.execute(invokeVerb, {
      caller: prog,
      player: prog,
      this: prog,
      verb: 'ghost2',
    });
    expect(await world.bundle.reeve.result(executionId)).toMatchObject({
      state: 'failed',
      error: { code: 'VERB_FAILED' },
    });
    expect((await world.bundle.reeve.world.code('Prog', ghost('Ghostly3'))).state).toBe('failed');
    const left = await world.bundle.query(
      `SELECT name FROM reeve.moo_object WHERE name LIKE 'Ghostly%' UNION SELECT name FROM reeve.moo_property WHERE name LIKE 'mark_Ghostly%'`,
    );
    expect(left).toEqual([]);
  });

  it('V9 code gives the value of return; a throwing program fails; an expression is evaluated', async () => {
    const { reeve } = world.bundle;
    expect(await reeve.world.code('Prog', `print('so far'); return 5`)).toMatchObject({
      result: 5,
      output: ['so far'],
    });
    expect(await reeve.world.code('Prog', `throw new UserError('no')`)).toMatchObject({
      state: 'failed',
      result: null,
      error: { code: 'VERB_FAILED', message: 'UserError: no' },
    });
    expect((await world.run('Prog', ';1+1')).result).toBe(2);
    expect((await world.run('Prog', ';;const n: number = 3; return n * 2')).result).toBe(6);
    expect((await world.run('Prog', ';;5; 6')).result).toBeNull();
  });

  it('V10 a task whose caller, player or target is gone is skipped with a warning', async () => {
    const { reeve } = world.bundle;
    await world.run('Wizard', '@player Doomed');
    const doomed = (await reeve.world.avatar('Doomed')).id;
    const wizard = (await reeve.world.avatar('Wizard')).id;
    await world.code('Wizard', `lookup(${doomed}).recycle()`);
    expect(await reeve.world.command(doomed, 'look')).toMatchObject({ state: 'skipped', output: [], exitStatus: 0 });
    for (const gone of [
      { caller: doomed, this: wizard },
      { caller: wizard, this: doomed },
      { caller: wizard, this: wizard, player: doomed },
    ]) {
      const { executionId } = await reeve.execute(invokeVerb, { verb: 'tell', ...gone });
      expect(await reeve.result(executionId)).toMatchObject({ state: 'succeeded', result: { skipped: true } });
    }
  });

  it('V11 commands of one player run one after another, in the order given', async () => {
    await world.verb('Prog', 'context.player', 'step', `${busyFor(30)} context.player.tell(context.parser.words[1])`);
    await world.code('Prog', `context.player.verbs()`);
    await world.verb(
      'Prog',
      'context.player',
      'note -- { dobj: "any" }',
      `${busyFor(20)} context.player.tell('n' + context.parser.words[1])`,
    );
    const ids: string[] = [];
    for (let n = 0; n < 8; n += 1) ids.push((await world.bundle.reeve.world.send('Prog', `note ${n}`)).executionId);
    await Promise.all(ids.map((id) => world.bundle.reeve.result(id)));
    const heard = (await world.heard('Prog')).filter((line) => /^n\d$/.test(line));
    expect(heard).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7']);
  });

  it('V12 what a verb schedules has not started before it ends, and runs exactly once', async () => {
    await world.verb('Prog', 'context.player', 'later', `context.player.tell('later ran')`);
    await world.verb(
      'Prog',
      'context.player',
      'gated',
      `invoke(this.verb('later')); context.player.tell('gate reached'); ${busyFor(500)}`,
    );
    const before = await world.count('invokeVerb');
    const { executionId } = await world.bundle.reeve.world.send('Prog', 'gated');
    await eventually(async () => expect(await world.heard('Prog')).toContain('gate reached'), { pauseMs: 5 });
    expect(await world.count('invokeVerb')).toBe(before);
    expect(await world.heard('Prog')).not.toContain('later ran');
    await world.bundle.reeve.result(executionId);
    await world.quiet();
    expect((await world.heard('Prog')).filter((line) => line === 'later ran')).toHaveLength(1);
  });

  it('V13 nothing that a verb scheduled is there when it throws', async () => {
    await world.verb(
      'Wizard',
      'context.player',
      'planner',
      `
      invoke(this.verb('look_self')); invoke(this.verb('look_self'), { every: 60 }); throw new UserError('no')`,
    );
    const before = await world.count('invokeVerb');
    expect((await world.run('Wizard', 'planner')).exitStatus).toBe(1);
    expect(await world.count('invokeVerb')).toBe(before);
    expect(await world.bundle.query('SELECT name FROM reeve.schedule')).toEqual([]);
  });

  it('V15 arguments arrive as they were given, and control words among them are data', async () => {
    await world.code('Wizard', `create('box15', { location: context.player.location })`);
    await world.verb(
      'Prog',
      'context.player',
      'inspect',
      `
      const [n, box] = args;
      context.player.tell(JSON.stringify([n, box === lookup('box15'), kwargs.k, kwargs.caller_id, kwargs.player, kwargs.delay, context.caller.name, context.player.name]));`,
    );
    await world.verb(
      'Prog',
      'context.player',
      'send15',
      `
      invoke(this.verb('inspect'), { args: [7, lookup('box15')], kwargs: { k: 'v', caller_id: 1, player: 2, delay: 99999 } })`,
    );
    await world.run('Prog', 'send15');
    await world.quiet();
    expect(await world.heard('Prog')).toContain('[7,true,"v",1,2,99999,"Prog","Prog"]');
  });

  it('V17 a callback gets the result in a task of its own, and is not called after a failure', async () => {
    await world.verb('Prog', 'context.player', 'giver', `return 'x'`);
    await world.verb('Prog', 'context.player', 'thrower', `throw new UserError('giver broke')`);
    await world.verb(
      'Prog',
      'context.player',
      'taker',
      `context.player.tell('taken ' + JSON.stringify(args) + ' ' + context.taskId)`,
    );
    await world.verb(
      'Prog',
      'context.player',
      'both',
      `
      invoke(this.verb('giver'), { callback: this.verb('taker') });
      invoke(this.verb('thrower'), { callback: this.verb('taker') });`,
    );
    const { executionId } = await world.run('Prog', 'both');
    await world.quiet();
    const taken = (await world.heard('Prog')).filter((line) => line.startsWith('taken'));
    expect(taken).toHaveLength(1);
    expect(taken[0]).toMatch(/^taken \["x"\] /);
    expect(taken[0]).not.toContain(executionId);
    expect(await world.heard('Prog')).toContain('[error] giver broke');
  });

  it('V18 a callback that the caller may not execute is refused when it is named', async () => {
    await world.verb('Wizard', 'context.player', 'closed', `return 1`);
    await world.code('Wizard', `context.player.revoke('execute', 'everyone', { verb: 'closed' })`);
    await world.verb('Prog', 'context.player', 'open18', `return 1`);
    await world.verb(
      'Prog',
      'context.player',
      'sneak',
      `invoke(this.verb('open18'), { callback: lookup('Wizard').verb('closed') })`,
    );
    const before = await world.count('invokeVerb');
    const { output } = await world.run('Prog', 'sneak');
    expect(output[0]).toMatch(/PermissionError: #\d+ is not allowed to 'execute' on verb \{\d+\}/);
    expect(await world.count('invokeVerb')).toBe(before);
  });

  it('V19 a command that was asked for in a transaction that rolled back never runs', async () => {
    const { dataSource, reeve } = world.bundle;
    const prog = (await reeve.world.avatar('Prog')).id;
    const before = await world.count('parseCommand');
    await dataSource
      .transaction(async (manager) => {
        await reeve.in(manager).execute(parseCommand, { caller: prog, line: 'look' });
        throw new Error('undone');
      })
      .catch(() => undefined);
    expect(await world.count('parseCommand')).toBe(before);
  });
});
