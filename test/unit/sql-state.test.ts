import { describe, expect, it } from '@jest/globals';
import { isConflictError, isConnectionError, isRefusal, sqlState } from '../../src/executions/sql-state.ts';

const withCode = (code: string) => Object.assign(new Error(code), { code });

describe('what a driver threw', () => {
  it.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EHOSTUNREACH', '08006', '57P01', '57P03'])(
    '%s is a lost connection',
    (code) => {
      expect(isConnectionError(withCode(code))).toBe(true);
      expect(isRefusal(withCode(code))).toBe(false);
    },
  );

  it.each([
    'Connection terminated unexpectedly',
    'Client has encountered a connection error and is not queryable',
    'Query runner already released. Cannot run queries anymore.',
  ])('"%s" is a lost connection', (message) => {
    expect(isConnectionError(new Error(message))).toBe(true);
  });

  it.each(['23503', '23514', '22001', '22P02', '42703', '44000', 'P0001'])(
    '%s is refused again when it is repeated',
    (code) => {
      expect(isRefusal(withCode(code))).toBe(true);
    },
  );

  it.each(['53100', '53300', '57014', '25P03', '25006', 'XX000', '40001', '40P01', '55P03'])('%s passes', (code) => {
    expect(isRefusal(withCode(code))).toBe(false);
  });

  it('is looked for inside what TypeORM makes of it', () => {
    expect(sqlState({ driverError: withCode('40P01') })).toBe('40P01');
    expect(isConflictError({ driverError: withCode('40P01') })).toBe(true);
    expect(sqlState(withCode('EPIPE'))).toBeUndefined();
    expect(isRefusal(new TypeError('x is not a function'))).toBe(false);
  });
});
