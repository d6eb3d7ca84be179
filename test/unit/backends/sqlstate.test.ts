import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { DatabaseError } from 'pg';
import { asBackendError, sqlStateOf } from '../../../src/backends/postgres/sqlstate.ts';
import { ReeveError } from '../../../src/core/errors.ts';

const translate = (error: unknown): unknown => asBackendError(error, 'creating database "x"', 'db.example:5432');

function serverError(code: string, message = 'it said so', detail?: string): DatabaseError {
  return Object.assign(new DatabaseError(message, 0, 'error'), { code, severity: 'ERROR', detail });
}

describe('an error of the server', () => {
  it.each(['08006', '53300', '57P01', '57P02', '57P03', '40001', '40P01', '55006', '55P03'])(
    'with SQLSTATE %s means that it is busy, and may be tried again',
    (code) => {
      expect(translate(serverError(code))).toMatchObject({ code: 'BACKEND_UNAVAILABLE', retryable: true });
    },
  );

  it('is a refusal otherwise, with what was attempted, where, and the words of the server', () => {
    const error = translate(serverError('2BP01', 'cannot be dropped', 'owner of database a\nowner of database b'));
    expect(error).toMatchObject({
      code: 'BACKEND_REJECTED',
      retryable: false,
      message: 'creating database "x" on db.example:5432: cannot be dropped; owner of database a, owner of database b',
      details: { attempted: 'creating database "x"', server: 'db.example:5432', sqlState: '2BP01' },
    });
    expect(sqlStateOf(error)).toBe('2BP01');
  });

  it('may be tried again when two sessions changed the same catalogue row', () => {
    expect(translate(serverError('XX000', 'tuple concurrently updated'))).toMatchObject({ retryable: true });
    expect(translate(serverError('XX000', 'cache lookup failed'))).toMatchObject({ retryable: false });
  });

  it('takes nothing else of the original error along', () => {
    const error = Object.assign(serverError('42501'), { client: { password: 'hunter2' } });
    expect(inspect(translate(error), { depth: null, showHidden: true })).not.toContain('hunter2');
  });
});

describe('an error of the connection', () => {
  it.each([
    Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' }),
    Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
    Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' }),
    new Error('timeout expired'),
    new Error('Connection terminated unexpectedly'),
    new Error('Connection terminated due to connection timeout'),
  ])('may be tried again: %p', (error) => {
    expect(translate(error)).toMatchObject({ code: 'BACKEND_UNAVAILABLE', retryable: true });
  });
});

describe('any other value', () => {
  it.each([new TypeError('a slip in our code'), new ReeveError('SECRET_UNRESOLVED', 'no secret'), 'text', undefined])(
    'comes back as it is: %p',
    (value) => {
      expect(translate(value)).toBe(value);
      expect(sqlStateOf(value)).toBeUndefined();
    },
  );
});
