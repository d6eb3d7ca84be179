import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeWorld, type WorldBundle } from '../../support/world.ts';
import { withinMs } from '../../support/within.ts';

/**
 * The attacker is Prog. After each case the world that is not his is as before, and the next command of somebody else is
 * served within two seconds.
 */
/** Failed where the ticks were spent first. */
const ended = /^(timed_out|failed)$/;

describe('attacks on the sandbox', () => {
  let world: WorldBundle;
  let before: string;

  const foreignState = async (): Promise<string> => {
    const rows = await world.bundle.query(
      `SELECT o.id, o.name, o.owner_id, o.location_id, p.wizard,
         (SELECT jsonb_agg(to_jsonb(q) ORDER BY q.id) FROM reeve.moo_property q WHERE q.origin_id = o.id) AS properties,
         (SELECT jsonb_agg(jsonb_build_array(v.id, v.source, v.owner_id) ORDER BY v.id) FROM reeve.moo_verb v WHERE v.origin_id = o.id) AS verbs,
         (SELECT jsonb_agg(to_jsonb(a) ORDER BY a.id) FROM reeve.moo_access a WHERE a.object_id = o.id) AS rules
       FROM reeve.moo_object o LEFT JOIN reeve.moo_player p ON p.avatar_id = o.id
       WHERE o.owner_id IS DISTINCT FROM (SELECT id FROM reeve.moo_object WHERE name = 'Prog') ORDER BY o.id`,
    );
    return JSON.stringify(rows);
  };

  beforeAll(async () => {
    world = await makeWorld('postgres', { timeLimit: '2s' });
    await world.code('Wizard', `$.lobby.addVerb('privileged', "return args.map((a) => a).length")`);
    before = await foreignState();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  /** Runs code as Prog, and looks that nobody else is worse off. */
  const attack = async (source: string): Promise<{ state: string; result: unknown; message: string }> => {
    const begun = performance.now();
    const answer = await world.bundle.reeve.world.code('Prog', source);
    expect(performance.now() - begun).toBeLessThan(withinMs(3_500));
    const next = performance.now();
    expect((await world.run('Wizard', 'look')).output[0]).toBe('Lobby');
    expect(performance.now() - next).toBeLessThan(withinMs(2_000));
    expect(await foreignState()).toBe(before);
    return { state: answer.state, result: answer.result, message: answer.error?.message ?? '' };
  };
  const value = async (source: string): Promise<unknown> => {
    const { state, result, message } = await attack(source);
    if (state !== 'ok') throw new Error(message);
    return result;
  };

  it('A1 no chain of constructors leads out of the isolate', async () => {
    for (const from of [
      '[]',
      '(function () {})',
      'print',
      'new Error("x")',
      'context',
      'kwargs',
      '"text"',
      'print.bind(null)',
    ]) {
      expect(
        await value(
          `return ${from}.constructor.constructor('return typeof process + typeof require + typeof module')()`,
        ),
      ).toBe('undefinedundefinedundefined');
    }
    expect(
      await value(
        `return [typeof context.player.constructor, typeof Object.getPrototypeOf(context.player), typeof this.constructor]`,
      ),
    ).toEqual(['undefined', 'object', 'undefined']);
  });

  it('A3 eval and the constructors of functions stay in the isolate and under its limits', async () => {
    expect(await value(`return eval('typeof process') + new Function('return typeof require')()`)).toBe(
      'undefinedundefined',
    );
    expect(
      await value(`return Object.getPrototypeOf(function* () {}).constructor('yield typeof process')().next().value`),
    ).toBe('undefined');
    expect((await attack(`eval('for (;;);')`)).state).toMatch(ended);
  });

  it('A5 stack traces show no frames of the host and no paths', async () => {
    expect((await attack(`Error.prepareStackTrace = (e, frames) => frames; return 1`)).state).toBe('failed');
    const stack = await value(`try { lookup(-1); } catch (error) { return String(error.stack); }`);
    expect(stack).not.toMatch(/node_modules|src\/|file:|node:/);
    expect(await value(`const o = {}; Error.captureStackTrace(o); return typeof o.stack`)).toBe('string');
  });

  it('A7 prototypes cannot be changed, and the host sees plain data', async () => {
    for (const change of [
      `Object.prototype.toJSON = () => 1`,
      `Array.prototype.toJSON = () => 1`,
      `Object.defineProperty(Object.prototype, 'wizard', { get: () => true })`,
      `Array.prototype.map = () => []`,
      `Object.prototype.toString = () => 'x'`,
      `JSON.stringify = () => '{}'`,
      `globalThis.JSON = {}`,
      `Promise.prototype.then = 1`,
    ]) {
      expect((await attack(`${change}; return 1`)).state).toBe('failed');
    }
    expect(await value(`const o = { toJSON: 'toJSON' }; return o`)).toEqual({ toJSON: 'toJSON' });
  });

  it('A9 getters and proxies in arguments run in the isolate and cost their author alone', async () => {
    const calls = ['create', 'lookup', 'write', 'invoke', 'mooEval', 'print', 'setTaskPerms', 'cancelScheduledTask'];
    for (const call of calls) {
      const { state } =
        await attack(`let n = 0; const bad = new Proxy({}, { ownKeys() { n++; return ['a']; }, getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }), get() { return context.player; } });
        try { ${call}(bad, bad); } catch (error) {} return n < 100`);
      expect(['ok', 'failed']).toContain(state);
    }
    expect((await attack(`create('x', { get location() { for (;;); } })`)).state).toMatch(ended);
    expect((await attack(`const o = { get a() { return { get a() { return o.a; } }; } }; print(o)`)).state).toBe(
      'failed',
    );
  });

  it('A11 a looping getter in a result is ended within the limit', async () => {
    expect((await attack(`return { get a() { for (;;); } }`)).state).toMatch(ended);
  });

  it('A13 whatever is thrown becomes a short error', async () => {
    for (const thrown of [
      'null',
      'undefined',
      '42',
      'new Proxy({}, {})',
      'new Proxy(new Error(), { get() { throw 1; } })',
      '{ then() {} }',
      'Symbol()',
    ]) {
      expect((await attack(`throw ${thrown}`)).state).toBe('failed');
    }
    expect((await attack(`throw { get message() { for (;;); } }`)).state).toMatch(ended);
    expect((await attack(`throw new UserError('x'.repeat(10_000_000))`)).message.length).toBeLessThan(3_000);
  });

  it('A15 endless microtasks are ended', async () => {
    expect((await attack(`const f = () => Promise.resolve().then(f); f(); return 1`)).state).toMatch(ended);
    expect((await attack(`(async () => { for (;;) await null; })(); return 1`)).state).toMatch(ended);
  });

  it('A17 what runs after its verb, or beneath another one, gets no answers', async () => {
    await world.verb(
      'Prog',
      'context.player',
      'late17',
      `Promise.resolve().then(() => { context.player.late = 1; }); return 1`,
    );
    await attack(
      `context.player.late17(); Promise.resolve().then(() => { context.player.late = 2; }); $.lobby.privileged(); return 1`,
    );
    expect(await world.value(`lookup('Prog').hasProperty('late')`)).toBe(false);
  });

  it('A19 work inside one builtin is ended by the clock of the parent', async () => {
    for (const source of [
      `return (2n ** 20000000n).toString().length`,
      `return (2n ** (2n ** 30n)) > 1n`,
      `return /(a+)+$/.test('a'.repeat(60) + 'b')`,
    ]) {
      expect(['timed_out', 'failed']).toContain((await attack(source)).state);
    }
    expect(['timed_out', 'failed', 'ok']).toContain(
      (await attack(`try { JSON.parse('['.repeat(1e6)); } catch {} return 1`)).state,
    );
  });

  it('A21 bombs of memory end their own task alone', async () => {
    for (const source of [
      `const a = []; for (;;) a.push(new Array(1000).fill(1))`,
      `const m = new Map(); for (let i = 0; ; i++) m.set(i, 'x' + i)`,
      `let s = 'x'; for (;;) s += s`,
    ]) {
      expect(['failed', 'timed_out']).toContain((await attack(source)).state);
    }
  });

  it('A23 buffers outside the heap are refused or counted', async () => {
    expect((await attack(`return new ArrayBuffer(2 ** 30).byteLength`)).state).toBe('failed');
    expect(['failed', 'timed_out']).toContain(
      (await attack(`const a = []; for (;;) a.push(new Float64Array(100000).fill(1))`)).state,
    );
  });

  it('A25 memory held by many nested verbs is counted together', async () => {
    await world.verb(
      'Prog',
      'context.player',
      'hold25',
      `const a = 'x'.repeat(20_000_000).split(''); if (args[0] > 0) this.hold25(args[0] - 1); return a.length`,
    );
    expect(['failed', 'timed_out']).toContain((await attack(`return context.player.hold25(40)`)).state);
  });

  it('A27 recursion of every kind ends at the limit of depth', async () => {
    await world.verb('Prog', 'context.player', 'down27', `return this.down27()`);
    await world.verb('Prog', 'context.player', 'ping27', `return this.pong27()`);
    await world.verb('Prog', 'context.player', 'pong27', `return this.ping27()`);
    await world.code(
      'Prog',
      `const box = create('box27', { location: context.player }); box.addVerb('accept', 'args[0].location = this; return true')`,
    );
    for (const source of [
      `return context.player.down27()`,
      `return context.player.ping27()`,
      `const f = (n) => mooEval('(' + n + ')'); return f(1)`,
      `create('x27').location = context.player.find('box27')[0]`,
    ]) {
      const { state, message } = await attack(source);
      if (!source.includes('mooEval')) expect(message).toMatch(/Too many nested verb calls|time limit|processor time/);
      expect(['ok', 'failed', 'timed_out']).toContain(state);
    }
  });

  it('A29 calls to the host are counted, also large ones', async () => {
    const counted = await attack(
      `let n = 0; try { for (;;) { context.caller; n++; } } catch (error) { return [n, error.message]; }`,
    );
    if (counted.state === 'ok') expect(counted.result).toEqual([10_000, 'Too many calls in one task.']);
    else expect(counted.state).toMatch(ended);
    expect(['failed', 'timed_out']).toContain(
      (await attack(`for (let i = 0; i < 1e6; i++) context.scratch.x = 'x'.repeat(250_000)`)).state,
    );
    expect((await attack(`context.scratch.x = 'x'.repeat(1_000_000)`)).message).toMatch(/too large/);
  });

  it('A33 data that looks like a handle stays data or is refused', async () => {
    expect((await attack(`return lookup({ '$moo': 'o:2' })`)).message).toMatch(/illegal key/);
    expect((await attack(`context.player.fake = { list: [{ $moo: 'o:1' }] }`)).message).toMatch(/illegal key/);
    expect(await value(`const o = { '\\u0000moo'.slice(1): 1 }; return 1`).catch(() => 1)).toBe(1);
    expect(await value(`context.player.fake33 = { 'o#1': '', moo: 'o:2' }; return context.player.fake33`)).toEqual({
      'o#1': '',
      moo: 'o:2',
    });
    expect((await attack(`const o = JSON.parse('{"__proto__": {"x": 1}}'); context.player.fake = o`)).message).toMatch(
      /illegal key/,
    );
  });

  it('A35 a context of one’s own gives no rights', async () => {
    expect((await attack(`context.caller = lookup('Wizard')`)).state).toBe('failed');
    expect((await attack(`Object.defineProperty(globalThis, 'context', { value: {} })`)).state).toBe('failed');
    expect(
      (
        await attack(
          `const context = { caller: lookup('Wizard'), player: lookup('Wizard') }; lookup('Wizard').name = 'Fool'`,
        )
      ).message,
    ).toMatch(/PermissionError/);
    expect((await attack(`globalThis.context = 1`)).state).toBe('failed');
  });

  it('A37 control words are data, and an unknown option is an error', async () => {
    await world.verb(
      'Prog',
      'context.player',
      'see37',
      `context.player.tell([context.caller.name, Object.keys(kwargs).length].join())`,
    );
    await value(
      `invoke(context.player.verb('see37'), { kwargs: { caller_id: 2, player_id: 2, this_id: 2, _caller: 2, _player: 2, _bypass_execute_check: true, trusted: true } }); return 1`,
    );
    await world.quiet();
    expect(await world.heard('Prog')).toContain('Prog,7');
    for (const option of ['caller', '_caller', '_player', 'player', 'trusted', 'periodic']) {
      expect((await attack(`invoke(context.player.verb('see37'), { ${option}: lookup('Wizard') })`)).message).toMatch(
        /unknown option/,
      );
    }
  });

  it('A39 a verb of Prog that a wizard types has the rights of Prog', async () => {
    await world.code(
      'Prog',
      `const t = create('trojan', { location: context.player }); const add = (n, s) => t.addVerb(n, s, { dobj: 'this' });
      add('t-perms', 'setTaskPerms(context.player, () => print("raised"))');
      add('t-verb', 'context.player.addVerb("evil", "return 1")');
      add('t-prop', 'context.player.setProperty("evil", 1)');
      add('t-allow', 'context.player.allow("anything", "everyone")');
      add('t-every', 'invoke(this.verb("t-perms"), { every: 60 })');
      add('t-own', 'print(create("made39").owner.name)');`,
    );
    await world.run('Prog', 'drop trojan');
    for (const name of ['t-perms', 't-verb', 't-prop', 't-allow', 't-every']) {
      expect(await world.run('Wizard', `${name} trojan`)).toMatchObject({ exitStatus: 1 });
    }
    expect((await world.run('Wizard', 't-own trojan')).output).toEqual(['Prog']);
    expect(await foreignState()).toBe(before);
  });

  it('A41 a verb whose owner is gone does not run', async () => {
    await world.run('Wizard', '@player Orphaner');
    await world.code(
      'Wizard',
      `const o = create('orphan41', { location: $.lobby }); o.addVerb('run41', 'return 1'); o.setVerbOwner('run41', lookup('Orphaner')); lookup('Orphaner').recycle()`,
    );
    before = await foreignState();
    expect((await attack(`return lookup('orphan41').run41()`)).message).toMatch(/has no owner/);
  });

  it('A43 rights are looked at again when a task runs', async () => {
    await world.code('Wizard', `$.lobby.addVerb('allowed43', "$.lobby.setProperty('ran43', 1)")`);
    await world.verb('Prog', 'context.player', 'soon43', `invoke($.lobby.verb('allowed43'), { delay: 1 })`);
    expect((await world.run('Prog', 'soon43')).exitStatus).toBe(0);
    await world.code('Wizard', `$.lobby.deny('execute', 'everyone', { verb: 'allowed43' })`);
    await world.quiet();
    expect(await world.value(`$.lobby.hasProperty('ran43')`)).toBe(false);
    before = await foreignState();
  });

  it('A45 times that make no sense are refused', async () => {
    for (const option of [
      'delay: -1',
      'delay: NaN',
      'delay: 1e12',
      `delay: '5'`,
      'every: 0.001',
      `cron: '* * * * * *'`,
      'delay: Infinity',
      'delay: {}',
    ]) {
      expect((await attack(`invoke(context.player.verb('look_self'), { ${option} })`)).message).toMatch(/^UserError/);
    }
  });

  it('A47 source must be the body of a function and nothing else', async () => {
    for (const source of [
      `}); evil(); (function () {`,
      `with ({}) { print(1) }`,
      `import x = require('fs')`,
      `@dec class A {}`,
      `import fs from 'fs'`,
      'x'.repeat(70_000),
      `let $tick = () => 1`,
      `await 1`,
      '\\u0024tick',
    ]) {
      const { state } = await attack(`context.player.addVerb('src47', ${JSON.stringify(source)})`);
      expect(state).toBe('failed');
    }
    expect(
      (
        await attack(
          `context.player.addVerb('src47', "//# sourceMappingURL=file:///etc/passwd\\n//# sourceURL=x\\n<!-- comment\\nreturn 1"); return context.player.src47()`,
        )
      ).state,
    ).toMatch(/ok|failed/);
  });

  it('A49 inheritance has no cycles, is not too deep, and does not explode', async () => {
    expect(
      (
        await attack(
          `const a = create('a49'), b = create('b49', { parents: [a] }); a.allow('derive', 'everyone'); b.allow('derive', 'everyone'); a.addParent(b)`,
        )
      ).message,
    ).toMatch(/RecursiveError/);
    expect(
      (await attack(`let p = create('d0'); for (let i = 1; i < 100; i++) p = create('d' + i, { parents: [p] })`)).state,
    ).not.toBe('ok');
    expect(
      await value(
        `let [p, q] = [create('l'), create('r')]; for (let i = 0; i < 12; i++) [p, q] = [create('l' + i, { parents: [p, q] }), create('r' + i, { parents: [p, q] })]; return p.ancestors.length`,
      ),
    ).toBeGreaterThan(20);
  });

  it('A51 what others are shown tells who caused it', async () => {
    await world.bundle.query('DELETE FROM reeve.moo_flood');
    await value(`lookup('Wizard').tell('[system] You are dismissed'); return 1`);
    const message = (await world.bundle.reeve.world.messages('Wizard')).find(({ body }) => body.includes('dismissed'));
    const prog = await world.bundle.reeve.world.avatar('Prog');
    expect(message).toMatchObject({ kind: 'text', provenance: { player: prog.id } });
    await world.verb('Wizard', '$.programmer', 'sys51', `write(this, 'x', 'system')`);
    expect((await world.run('Prog', 'sys51')).output[0]).toMatch(/Only wizards can write system messages/);
    before = await foreignState();
  });

  it('A53 nothing of a task is left for the next one', async () => {
    await value(`globalThis.leftover = 1; context.scratch.leftover = 1; return 1`);
    expect(await value(`return [typeof globalThis.leftover, context.scratch.leftover]`)).toEqual(['undefined', null]);
    expect((await attack(`Date.now = () => 0; return 1`)).state).toBe('failed');
    expect((await attack(`Math.random = () => 0; return 1`)).state).toBe('failed');
  });

  it('A55 verbs called then or toJSON make no thenable of their object', async () => {
    await world.verb('Prog', 'context.player', 'then', `throw new Error('consulted')`);
    await world.verb('Prog', 'context.player', 'toJSON', `throw new Error('consulted')`);
    expect(
      await value(
        `return [typeof context.player.then, typeof context.player.toJSON, context.player === context.player]`,
      ),
    ).toEqual(['undefined', 'undefined', true]);
    expect(await value(`return context.player`)).toEqual({ $moo: expect.stringMatching(/^o:\d+$/) });
  });
});
