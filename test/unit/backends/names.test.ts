import { describe, expect, it } from '@jest/globals';
import { checkedConnectionLimit, checkName, checkTemplateName } from '../../../src/backends/postgres/names.ts';

describe('a name for PostgreSQL', () => {
  it.each(['a', 'Ünïcode 数据', 'a"; DROP DATABASE x; --', "it's", ' spaces ', 'a'.repeat(63), 'ü'.repeat(31)])(
    'may be %j',
    (name) => {
      expect(() => checkName('database', name)).not.toThrow();
      expect(() => checkName('role', name)).not.toThrow();
    },
  );

  it.each([
    ['', 'is empty; give it a name'],
    ['a'.repeat(64), 'has 64 bytes; shorten it to 63 bytes of UTF-8'],
    ['ü'.repeat(32), 'has 64 bytes; shorten it to 63 bytes of UTF-8'],
    ['nul\0', 'has control characters; remove them'],
    ['line\nbreak', 'has control characters; remove them'],
    ['half \ud83d', 'is not valid Unicode; choose another name'],
  ])('may not be %j', (name, problem) => {
    for (const check of [() => checkName('role', name), () => checkTemplateName(name)]) {
      expect(check).toThrow(
        expect.objectContaining({ code: 'BACKEND_REJECTED', message: expect.stringContaining(problem) }),
      );
    }
  });

  it.each([
    ['database', 'pg_mine', 'begins with "pg_", which PostgreSQL keeps for itself'],
    ['role', 'pg_mine', 'begins with "pg_", which PostgreSQL keeps for itself'],
    ['database', 'template0', 'is reserved; choose another name'],
    ['database', 'template1', 'is reserved; choose another name'],
    ['database', 'postgres', 'is reserved; choose another name'],
    ['role', 'postgres', 'is reserved; choose another name'],
    ['role', 'public', 'is reserved; choose another name'],
  ] as const)('of a %s may not be %s', (kind, name, problem) => {
    expect(() => checkName(kind, name)).toThrow(problem);
  });
});

describe('a connection limit', () => {
  it.each([
    [undefined, -1],
    [null, -1],
    [-1, -1],
    [0, 0],
    [1_000_000, 1_000_000],
  ])('of %s is sent as %i', (limit, sent) => {
    expect(checkedConnectionLimit(limit)).toBe(sent);
  });

  it.each([-2, 1_000_001, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('of %d is refused', (limit) => {
    expect(() => checkedConnectionLimit(limit)).toThrow('is not a whole number from -1 (no limit) to 1000000');
  });
});
