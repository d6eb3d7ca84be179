import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeOnBrokers } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { logLines } from '../../support/log-lines.ts';
import { makeWorld, type WorldBundle } from '../../support/world.ts';
import { invokeVerb } from '../../../src/index.ts';

describeOnBrokers('permissions, movement and commands of the world', (broker) => {
  let world: WorldBundle;
  const log = logLines();
  beforeAll(async () => {
    world = await makeWorld(broker, { timeLimit: '15s' }, { logger: log.logger });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  it('V31 a verb runs as its owner, for the player who acts; after a call the caller is as before', async () => {
    await world.code('Prog', `create('p31')`);
    const who = `[context.caller.name, context.player.name, this.name, verbName].join()`;
    await world.code(
      'Prog',
      `const p = create('box31', { location: context.player }); p.addVerb('inner31', "print(${who.replaceAll('"', "'")})")`,
    );
    await world.verb(
      'Wizard',
      'context.player',
      'outer31',
      `
      const box = lookup('Prog').find('box31')[0]; box.inner31(); print(context.caller.name, context.callerStack.length)`,
    );
    expect((await world.run('Wizard', 'outer31')).output).toEqual(['Prog,Wizard,box31,inner31', 'Wizard 1']);
  });

  it('V33 setTaskPerms lowers a wizard’s verb for as long as it says, also when it throws', async () => {
    await world.verb(
      'Wizard',
      '$.programmer',
      'lower33',
      `
      const mine = () => context.caller.name;
      const made = setTaskPerms(context.player, () => create('made33'));
      print(made.owner.name, mine());
      try { setTaskPerms(context.player, () => { throw new UserError('x'); }); } catch (error) { print(error.message, mine()); }
      setTaskPerms(context.player, () => {
        try { setTaskPerms(this, () => 1); setTaskPerms(lookup('Wizard'), () => print('raised')); } catch (error) { print(error.message); }
      });`,
    );
    expect((await world.run('Prog', 'lower33')).output).toEqual([
      'Prog Wizard',
      'x Wizard',
      'Only verbs owned by wizards can modify the task permissions.',
    ]);
    await world.verb(
      'Prog',
      '$.lobby'.replace('$.lobby', 'context.player'),
      'raise33',
      `setTaskPerms(lookup('Wizard'), () => print('raised'))`,
    );
    expect((await world.run('Prog', 'raise33')).output).toEqual([
      '[error] Only verbs owned by wizards can modify the task permissions.',
    ]);
    await world.code(
      'Prog',
      `create('trap33', { location: context.player }).addVerb('spring33', "setTaskPerms(context.player, () => print('raised'))", { dobj: 'this' })`,
    );
    await world.run('Prog', 'drop trap33');
    expect((await world.run('Wizard', 'spring33 trap33')).output).toEqual([
      '[error] Only verbs owned by wizards can modify the task permissions.',
    ]);
  });

  it('V34 strangers may read, owners and wizards may do all, and a deny beats everything at once', async () => {
    await world.code('Wizard', `create('own34', { location: $.lobby }).addVerb('run34', 'return 1')`);
    const rights = (who: string): Promise<unknown> =>
      world
        .run(who, `;['read','write','move','entrust','derive','transmute'].filter((p) => lookup('own34').can(p))`)
        .then((a) => a.result);
    expect(await rights('Prog')).toEqual(['read']);
    expect(await rights('Wizard')).toEqual(['read', 'write', 'move', 'entrust', 'derive', 'transmute']);
    expect((await world.run('Prog', `;lookup('own34').run34()`)).result).toBe(1);
    expect((await world.run('Prog', `;lookup('own34').verbSource('run34')`)).error?.message).toMatch(
      /not allowed to 'read' on verb/,
    );
    expect(
      (
        await world.run(
          'Wizard',
          `;;const o = lookup('own34'); const before = o.can('write'); o.deny('write', 'wizards'); return [before, o.can('write')]`,
        )
      ).result,
    ).toEqual([true, false]);
    await world.code('Prog', `create('mine34', { location: context.player }).deny('write', 'owners')`);
    expect((await world.run('Prog', `;context.player.find('mine34')[0].can('write')`)).result).toBe(false);
  });

  it('V37 a place decides what enters; its hooks run once, after the commit, and not after a rollback', async () => {
    await world.code(
      'Wizard',
      `
      create('cell37', { location: $.lobby });
      const hall = create('hall37', { location: $.lobby, parents: [$.container] });
      hall.addVerb('enterfunc', "print('enter ' + args[0].name)");
      hall.addVerb('exitfunc', "print('exit ' + args[0].name)");
      create('ball37', { location: $.lobby }); create('inner37', { location: hall, parents: [$.container] });`,
    );
    const move = (what: string, to: string): Promise<{ state: string; error: { message: string } | null }> =>
      world.bundle.reeve.world.code('Wizard', `lookup('#' + (${what}).id).location = ${to}`);
    expect((await move(`lookup('ball37')`, `lookup('cell37')`)).error?.message).toMatch(
      /PermissionError: .* did not accept/,
    );
    expect((await move(`lookup('hall37')`, `lookup('hall37').find('inner37')[0]`)).error?.message).toMatch(
      /RecursiveError: .* already contains/,
    );
    await world.quiet();
    const heard = async (): Promise<string[]> =>
      (await world.heard('Wizard')).filter((line) => line.endsWith('ball37'));
    expect((await move(`lookup('ball37')`, `lookup('hall37')`)).state).toBe('ok');
    await eventually(async () => expect(await heard()).toEqual(['enter ball37']));
    await world.code('Wizard', `lookup('hall37').find('ball37')[0].location = $.lobby`);
    await eventually(async () => expect(await heard()).toEqual(['enter ball37', 'exit ball37']));
    await world.bundle.reeve.world.code(
      'Wizard',
      `lookup('ball37').location = lookup('hall37'); throw new UserError('undone')`,
    );
    await world.quiet();
    expect(await heard()).toHaveLength(2);
  });

  it('V38 the last object that has a fitting verb wins', async () => {
    await world.verb('Wizard', 'lookup("Prog")', 'zap -- { dobj: "either" }', `print('player')`);
    await world.code(
      'Wizard',
      `create('zbox', { location: lookup('Prog') }).addVerb('zap', "print('box')", { dobj: 'either' })`,
    );
    expect((await world.run('Prog', 'zap')).output).toEqual(['box']);
    await world.verb('Wizard', '$.lobby', 'zap -- { dobj: "either" }', `print('room')`);
    expect((await world.run('Prog', 'zap')).output).toEqual(['room']);
    expect((await world.run('Prog', 'zap zbox')).output).toEqual(['box']);
    await world.code('Wizard', `$.lobby.removeVerb('zap')`);
    expect((await world.run('Prog', 'zap')).output).toEqual(['box']);
  });

  it('V39 prepositions choose among verbs of one name, whatever was made first', async () => {
    await world.code(
      'Wizard',
      `
      const add = (prep, text) => $.lobby.addVerb('zorch', "print('" + text + "')", { dobj: 'any', iobj: prep });
      add({ on: 'any' }, 'on'); add({}, 'bare'); add({ in: 'any' }, 'in');
      $.lobby.addVerb('poke39', "print('poked')", { dobj: 'either', iobj: { at: 'any', through: 'any', in: 'any' } });
      for (const name of ['table', 'ball']) create(name, { location: $.lobby });
      lookup('table').addVerb('lay39', "print('laid')", { dobj: 'any', iobj: { on: 'this' } });`,
    );
    expect((await world.run('Prog', 'zorch ball')).output).toEqual(['bare']);
    expect((await world.run('Prog', 'zorch ball in table')).output).toEqual(['in']);
    expect((await world.run('Prog', 'ZORCH ball ON TOP OF table')).output).toEqual(['on']);
    expect((await world.run('Prog', 'poke39')).output).toEqual(['poked']);
    expect((await world.run('Prog', 'lay39 ball on table')).output).toEqual(['laid']);
    expect((await world.run('Prog', 'lay39 table on ball')).exitStatus).toBe(1);
  });

  it('V42 a line of several commands runs them in turn, and stops at the first that fails', async () => {
    for (const name of ['walk', 'jog', '@a', '@b'])
      await world.verb('Prog', 'context.player', `${name} -- { dobj: "either" }`, `print('${name}')`);
    await world.verb(
      'Prog',
      'context.player',
      'fail42',
      `context.player.half = 1; print('half'); throw new UserError('stop')`,
    );
    expect((await world.run('Prog', 'walk. jog')).output).toEqual(['walk', 'jog']);
    expect((await world.run('Prog', 'walk then jog')).output).toEqual(['walk', 'jog']);
    expect((await world.run('Prog', '@a x; @b y')).output).toEqual(['@a', '@b']);
    await world.verb(
      'Prog',
      'context.player',
      'echo42 -- { dobj: "either", iobj: { any: "any" } }',
      `print(context.parser.command)`,
    );
    for (const line of ['echo42 "a. b."', 'echo42 x [1, 2]', 'echo42 3.14', 'echo42 waves hello.']) {
      expect((await world.run('Prog', line)).output).toEqual([line]);
    }
    await world.verb('Prog', 'context.player', 'mark42', `context.player.marked = 'yes'`);
    const { output, exitStatus } = await world.run('Prog', 'mark42. fail42. jog');
    expect([output, exitStatus]).toEqual([['half', '[error] stop'], 1]);
    expect(await world.value(`lookup('Prog').marked`)).toBe('yes');
    expect(await world.value(`lookup('Prog').hasProperty('half')`)).toBe(false);
  });

  it('V44 children override and pass through, newest parent first, and no cycle can be stored', async () => {
    await world.code(
      'Wizard',
      `
      const a = create('a44', { location: $.lobby, parents: [$.thing] }), b = create('b44', { location: $.lobby, parents: [$.thing] });
      a.addVerb('greet44 wave44', "return 'A'"); b.addVerb('greet44', "return 'B'");
      const child = create('child44', { location: $.lobby, parents: [a] });
      child.addParent(b);
      child.addVerb('greet44', "return passthrough() + '!'");
      child.addVerb('wave44', "print(passthrough() + '?')", { dobj: 'either' });
      child.addVerb('alone44', "return passthrough()");`,
    );
    expect(await world.value(`lookup('child44').greet44()`)).toBe('B!');
    expect((await world.run('Prog', 'WAVE44 child44')).output).toEqual(['A?']);
    expect(await world.value(`lookup('child44').alone44()`)).toBeNull();
    const { error } = await world.bundle.reeve.world.code('Wizard', `lookup('a44').addParent(lookup('child44'))`);
    expect(error?.message).toMatch(/^RecursiveError/);
    expect(await world.value(`lookup('a44').isA(lookup('child44'))`)).toBe(false);
  });

  it('V45 lines reach who they are for, live; nobody can flood others', async () => {
    const { reeve } = world.bundle;
    await world.verb(
      'Prog',
      'context.player',
      'slow45',
      `print('live line'); const t = Date.now(); while (Date.now() - t < 600) 'x'.repeat(20000).split('');`,
    );
    await world.verb('Prog', 'context.player', 'start45', `invoke(this.verb('slow45'))`);
    await world.run('Prog', 'start45');
    await eventually(async () => expect(await world.heard('Prog')).toContain('live line'), { pauseMs: 5 });
    const alive = await world.bundle.query(
      `SELECT id FROM reeve.execution WHERE active AND executor = 'verbs.invokeVerb'`,
    );
    expect(alive).toHaveLength(1);
    await world.quiet();
    await world.code('Wizard', `create('stone45', { location: $.lobby })`);
    expect((await world.run('Prog', `;lookup('stone45').tell('x')`)).state).toBe('ok');
    expect((await world.run('Prog', `;write(lookup('Wizard'), 'x')`)).error?.message).toMatch(
      /Only verbs owned by wizards can write/,
    );
    // A window that begins now, and does not end on a busy machine while the lines are still being stored.
    await world.bundle.query(
      `INSERT INTO reeve.moo_flood (account_id, window_start, lines) VALUES ($1, now() + interval '1 minute', 0)
       ON CONFLICT (account_id) DO UPDATE SET window_start = excluded.window_start, lines = 0`,
      [(await reeve.world.avatar('Prog')).id],
    );
    await world.code(
      'Prog',
      `const w = lookup('Wizard'); for (let i = 0; i < 300; i++) { w.tell('flood ' + i); if (i < 280) context.player.tell('own ' + i); }`,
    );
    expect((await world.heard('Wizard')).filter((line) => line.startsWith('flood'))).toHaveLength(256);
    expect((await world.heard('Prog')).filter((line) => line.startsWith('own'))).toHaveLength(280);
    const flood = (await reeve.world.messages('Wizard')).find(({ body }) => body === 'flood 0');
    expect(flood?.provenance).toMatchObject({ player: (await reeve.world.avatar('Prog')).id, verb: 'tell' });
  });

  it('V45 what a task without a player prints, and how it fails, goes to the background log and to nobody else', async () => {
    const { reeve } = world.bundle;
    await world.verb('Prog', 'context.player', 'logged45', `print('to the log'); print('and more')`);
    await world.verb('Prog', 'context.player', 'refused45', `print('before'); throw new UserError('no, thanks')`);
    const { id } = await reeve.world.avatar('Prog');
    const background = (executionId: string): string[] =>
      log.lines
        .filter(({ fields }) => fields['event'] === 'verb.output' && fields['task'] === executionId)
        .map(({ level, message }) => `${level}: ${message}`);
    const logged = await reeve.execute(invokeVerb, { caller: id, this: id, verb: 'logged45' });
    const refused = await reeve.execute(invokeVerb, { caller: id, this: id, verb: 'refused45' });
    expect((await reeve.result(logged.executionId)).state).toBe('succeeded');
    expect((await reeve.result(refused.executionId)).state).toBe('failed');
    expect(background(logged.executionId)).toEqual(['info: to the log', 'info: and more']);
    expect(background(refused.executionId)).toEqual(['info: before', 'info: [error] no, thanks']);
    expect(await world.heard('Prog')).not.toContain('to the log');
    expect(await world.heard('Prog')).not.toContain('[error] no, thanks');
  });
});
