import { compileFunction } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { compileEval, compileVerb } from '../../../src/moo/world/compile-verb.ts';
import { seededRandom } from '../../support/random.ts';

const longest = 65_536;

/** Runs compiled code in this process: what stands here is ours. */
function run(code: string): { value: unknown; ticks: number } {
  let ticks = 0;
  const body = compileFunction(`"use strict";${code}`, ['$tick']) as (tick: () => void) => unknown;
  const value = body(() => {
    ticks += 1;
  });
  return { value, ticks };
}

describe('compiling a verb', () => {
  it('counts each turn of every kind of loop, and each call of every kind of function', () => {
    const loops = [
      'for (let i = 0; i < 5; i++) ;',
      'for (let i = 0; i < 5; i++) { }',
      'for (const x of [1, 2, 3, 4, 5]) void x;',
      'for (const x in { a: 1, b: 1, c: 1, d: 1, e: 1 }) { void x; }',
      'let i = 0; while (i < 5) i++;',
      'let i = 0; do { i++; } while (i < 5);',
      'let i = 0; do i++; while (i < 5);',
    ];
    for (const loop of loops) expect([loop, run(compileVerb(loop, longest)).ticks]).toEqual([loop, 5]);
    const calls = [
      'function f() {} f(); f();',
      'const f = () => 1; f(); f();',
      'const f = () => ({ a: 1 }); f(); f();',
      'class A { m() {} static s() {} } new A().m(); A.s();',
    ];
    for (const call of calls) expect([call, run(compileVerb(call, longest)).ticks]).toEqual([call, 2]);
  });

  it('keeps the meaning of nested loops and arrows without braces', () => {
    const source =
      'let n = 0; for (const a of [1, 2]) for (const b of [1, 2, 3]) if (a !== b) n += (() => (x) => x)()(1); else n += 10; return n;';
    expect(run(compileVerb(source, longest)).value).toBe(24);
  });

  it('takes types off, and keeps lines', () => {
    const compiled = compileVerb('interface A { b: number }\nconst a: A = { b: 1 };\nreturn a.b as number;', longest);
    expect(run(compiled).value).toBe(1);
    expect(compiled.split('\n')).toHaveLength(3);
    expect(() => compileVerb('const a = 1;\nconst b = ;', longest)).toThrow(/Syntax error in line 2/);
  });

  it('gives the value of an expression, or of the last statement', () => {
    expect(run(compileEval('1 + 1', longest)).value).toBe(2);
    expect(run(compileEval('const a = 2; a * 3', longest)).value).toBe(6);
    expect(run(compileEval('{ a: 1 }', longest)).value).toEqual({ a: 1 });
    expect(run(compileEval('const a = 1;', longest)).value).toBeUndefined();
    expect(run(compileEval('return 7', longest)).value).toBe(7);
  });

  it('cannot be closed from inside, and does not know the name that counts', () => {
    for (const source of [
      '}); (() => {',
      '} {',
      '$tick = 1',
      'const { $tick } = {}',
      'with ({}) {}',
      'await 1',
      'import("x"); import x from "y"',
    ]) {
      expect([source, refused(source)]).toEqual([source, true]);
    }
  });

  it('never changes what a random program computes', () => {
    const random = seededRandom(7);
    const expression = (depth: number): string => {
      if (depth === 0) return random.pick(['a', 'b', '1', '(() => 2)()', '[1, 2].map((x) => x + 1)[0]']);
      const [x, y] = [expression(depth - 1), expression(depth - 1)];
      return random.pick([
        `(${x} + ${y})`,
        `(a > b ? ${x} : ${y})`,
        `((c) => c * ${x})(${y})`,
        `(function () { return ${x}; })()`,
      ]);
    };
    const statement = (depth: number): string => {
      if (depth === 0) return `n += ${expression(2)};`;
      const inner = statement(depth - 1);
      return random.pick([
        `for (let i = 0; i < 3; i++) ${inner}`,
        `if (a) { ${inner} } else ${inner}`,
        `{ let i = 0; do ${inner} while (i++ < 2); }`,
        `for (const v of [1, 2]) { ${inner} n += v; }`,
      ]);
    };
    for (let n = 0; n < 200; n += 1) {
      const source = `let n = 0; const a = ${random.int(0, 5)}, b = 3; ${statement(3)} return n;`;
      expect([source, run(compileVerb(source, longest)).value]).toEqual([source, run(source).value]);
    }
  });
});

function refused(source: string): boolean {
  try {
    compileVerb(source, longest);
    return false;
  } catch {
    return true;
  }
}
