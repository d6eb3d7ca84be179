import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { testRandom } from '../../support/random.ts';
import { makeWorld, type WorldBundle } from '../../support/world.ts';
import { withinMs } from '../../support/within.ts';

const canary = 'canary-7d1f';

describe('programs that try to leave the isolate', () => {
  let world: WorldBundle;
  beforeAll(async () => {
    process.env['REEVE_CANARY'] = canary;
    world = await makeWorld('postgres', { timeLimit: '1s', limits: { createdObjects: 40 } });
  });
  afterAll(async () => {
    delete process.env['REEVE_CANARY'];
    await world?.[Symbol.asyncDispose]();
  });

  const run = async (source: string): Promise<{ state: string; text: string }> => {
    const answer = await world.bundle.reeve.world.code('Prog', source);
    return { state: answer.state, text: JSON.stringify([answer.result, answer.output, answer.error]) };
  };

  it('S1 loops, awaits and regular expressions without an end are ended; Atomics is not there', async () => {
    for (const source of [
      'while (true);',
      '(async () => { for (;;) await null; })()',
      `/^(a|a)*$/.test('a'.repeat(40) + 'b')`,
    ]) {
      expect((await run(source)).state).toMatch(/timed_out|failed/);
    }
    expect((await run('return typeof Atomics + typeof SharedArrayBuffer')).text).toContain('undefinedundefined');
  });

  it('S3 the text of a huge number is ended by the wall clock', async () => {
    expect((await run('return (7n ** (2n ** 24n)).toString().length')).state).toMatch(/timed_out|failed/);
  });

  it('S5 a heap that is filled ends the task alone', async () => {
    for (const source of [
      `const a = []; for (;;) a.push({})`,
      `let s = 'xy'; for (;;) s += s + 1`,
      `return new Array(5e6).fill(0).map(String).sort().length`,
    ]) {
      expect((await run(source)).state).toMatch(/timed_out|failed/);
    }
  });

  it('S7 WebAssembly is gone, however it is asked for', async () => {
    expect(
      (
        await run(
          `return typeof WebAssembly + typeof globalThis.WebAssembly + new Function('return typeof WebAssembly')()`,
        )
      ).text,
    ).toContain('undefinedundefinedundefined');
  });

  it('S9 results, errors and output are cut to their limits', async () => {
    expect((await run(`return 'x'.repeat(200_000_000)`)).state).toBe('failed');
    expect((await run(`throw new Error('x'.repeat(30_000_000))`)).text.length).toBeLessThan(10_000);
    const { output } = await world.bundle.reeve.world.code(
      'Prog',
      `for (let i = 0; i < 5_000; i++) print('line', i); return 1`,
    );
    expect(output).toHaveLength(2_001);
    expect(output.at(-1)).toBe('[cut off]');
    expect((await world.bundle.reeve.world.code('Prog', `print('x'.repeat(100_000))`)).output[0]).toMatch(
      /\[cut off\]$/,
    );
  });

  it('S11 no constructor, hook or error leads to an object or a secret of the host', async () => {
    const sources = [
      `return [print, invoke, context, setTaskPerms, context.player].map((each) => { try { return each.constructor.constructor('return process.env')(); } catch (error) { return error.constructor.constructor('return typeof process')(); } })`,
      `try { lookup('#99999999'); } catch (error) { return error.constructor.constructor('return typeof process')() + error.stack; }`,
      `class A extends Array { static get [Symbol.species]() { return function () { return {}; }; } } return new A(1, 2).map(() => typeof process)`,
      `return Reflect.ownKeys(globalThis).map((key) => typeof globalThis[key] + String(key)).join()`,
      `const f = function () { return f.caller; }; return String(f())`,
      `async function* g() { yield typeof process; } return Object.getPrototypeOf(g).constructor('return typeof require').toString()`,
      `let found = ''; Object.defineProperty(Array, Symbol.hasInstance, { value: (each) => { found += typeof each; return true; } }); return found`,
    ];
    for (const source of sources) {
      const { text } = await run(source);
      expect(text).not.toContain(canary);
      expect(text).not.toMatch(/isolated|Reference(?!Error)|node_modules|\/src\/|applySync/);
    }
  });

  it('S13 no change of a realm is seen by the next verb, of the same owner or another', async () => {
    await world.verb(
      'Prog',
      'context.player',
      'taint13',
      `globalThis.shared = 1; try { Array.prototype.evil = 1; } catch {} return 1`,
    );
    await world.verb('Prog', 'context.player', 'look13', `return [typeof globalThis.shared, [].evil === undefined]`);
    await world.verb('Wizard', 'context.player', 'look13', `return [typeof globalThis.shared, [].evil === undefined]`);
    const { text } = await run(`context.player.taint13(); return [context.player.look13(), lookup('Wizard').look13()]`);
    expect(text).toContain('[["undefined",true],["undefined",true]]');
  });

  it('S15 misuse of the SDK meets the caller’s rights and quotas, and schedules nothing', async () => {
    const before = await world.count('invokeVerb');
    const sources = [
      `lookup('Wizard').secret = 1`,
      `lookup(2 ** 53)`,
      `lookup(1e300)`,
      `lookup(-1).name`,
      `invoke({ $moo: 'v:1:x' })`,
      `invoke(context.player.verb('tell'), { caller: 2 })`,
      `invoke(context.player.verb('tell'), { delay: -1 })`,
      `invoke(context.player.verb('tell'), { cron: '${'*/5 '.repeat(100)}' })`,
      `context.player.setProperty('x'.repeat(300), 1)`,
      `for (let i = 0; i < 70; i++) create('q' + i)`,
      `for (let i = 0; i < 30; i++) invoke(context.player.verb('tell'), {})`,
    ];
    for (const source of sources) {
      const { state, text } = await run(source);
      expect([source, state]).toEqual([source, 'failed']);
      expect(text).toMatch(/UserError|PermissionError|QuotaError|NoSuchObjectError/);
    }
    expect(await world.count('invokeVerb')).toBe(before);
    await world.verb(
      'Prog',
      'context.player',
      'bomb15',
      `for (let i = 0; i < 20; i++) invoke(this.verb('bomb15'), { delay: 30 })`,
    );
    for (let round = 0; round < 6; round += 1) await run(`context.player.bomb15()`);
    expect((await world.count('invokeVerb')) - before).toBeLessThanOrEqual(100);
    expect((await run(`invoke(context.player.verb('tell'))`)).text).toMatch(/tasks that have not ended/);
    // First: a bomb that goes off with its old code schedules twenty more, which are alive for half a minute.
    await world.code('Prog', `context.player.setVerbCode('bomb15', 'return 1')`);
    await world.bundle.query(`UPDATE reeve.step SET run_at = reeve.clock() WHERE state = 'delayed'`);
    await world.quiet();
  });

  it('200 random programs of hostile fragments end, reach nothing, and leave the world served', async () => {
    const random = testRandom('hostile programs');
    const atoms = [
      'context',
      'this',
      'args',
      'print',
      'lookup',
      'context.player',
      '$',
      'globalThis',
      'kwargs',
      'invoke',
      '[]',
      '{}',
      '"x"',
      '2n ** 64n',
      'Symbol.iterator',
      'null',
      'new Error("e")',
      'Proxy',
      'Reflect',
      'passthrough',
      'console.log',
      'mooEval',
      'JSON',
    ];
    const wraps: readonly ((a: string, b: string) => string)[] = [
      (a, b) => `${a}.constructor.constructor(${JSON.stringify(`return ${b}`)})()`,
      (a, b) => `new Proxy(${a}, { get: () => ${b}, ownKeys: () => [${b}] })`,
      (a, b) => `Object.assign(${a}, { then: () => ${b}, toJSON: () => ${b}, get x() { return ${b}; } })`,
      (a, b) => `Reflect.apply(${a}, ${b}, [${a}, ${b}])`,
      (a, b) => `Object.setPrototypeOf(${a}, ${b})`,
      (a, b) => `(${a})[${b}]`,
      (a, b) => `(() => { try { return ${a}; } catch (e) { throw ${b}; } })()`,
      (a, b) => `Promise.resolve(${a}).then(() => ${b})`,
      (a, b) => `eval(${JSON.stringify(`(${a}, ${b})`)})`,
      (a, b) => `Array.from({ length: 1e5 }, () => ${a}).concat(${b})`,
      (a, b) => `JSON.stringify({ a: ${a}, b: ${b} })`,
      (a, b) => `invoke(${a}, { args: [${b}], callback: ${a} })`,
      (a, b) => `create(String(${a}), { location: ${b} })`,
      (a, b) => `setTaskPerms(${a}, () => ${b})`,
      (a, b) => `context.player.setProperty('p', [${a}, ${b}])`,
      (a, b) => `Object.defineProperty(${a}, 'x', { get: () => ${b} })`,
    ];
    const endings = [
      'for (;;);',
      'return 1;',
      'throw x;',
      'return x;',
      'print(x);',
      'while (x) x = [x];',
      'return { get a() { return x; } };',
      'const f = () => Promise.resolve().then(f); f();',
    ];
    const expression = (depth: number): string => {
      if (depth === 0) return random.pick(atoms);
      return random.pick(wraps)(expression(depth - random.int(1, depth)), expression(depth - random.int(1, depth)));
    };
    for (let n = 0; n < 200; n += 1) {
      const source = `let x = ${expression(random.int(1, 4))}; ${random.pick(endings)}`;
      const { state, text } = await run(source);
      expect([source, state]).toEqual([source, expect.stringMatching(/^(ok|failed|timed_out)$/)]);
      expect([source, text]).toEqual([
        source,
        expect.not.stringMatching(/canary-7d1f|isolated-vm|applySync|node_modules|\[object Reference\]/),
      ]);
      if (n % 10 !== 0) continue;
      const begun = performance.now();
      expect((await world.run('Wizard', 'look')).output[0]).toBe('Lobby');
      expect(performance.now() - begun).toBeLessThan(withinMs(2_000));
    }
    await world.quiet();
  }, 300_000);
});
