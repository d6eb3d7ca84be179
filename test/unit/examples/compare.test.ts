import { describe, expect, it } from '@jest/globals';
import { differences, type LeftRow, type Reported } from '../../../examples/provision/compare.ts';
import type { AskedDatabase } from '../../../examples/provision/manifest-schema.ts';
import type { LoginCheck, RealDatabase, Reality } from '../../../examples/provision/reality.ts';
import { databaseReport, verdictOf, type DatabaseReport } from '../../../examples/provision/report.ts';

function asked(changes: Partial<AskedDatabase> = {}): AskedDatabase {
  return { name: 'crm', owner: 'crm_app', connectionLimit: 5, grants: [], afterwards: [], expect: 'ok', ...changes };
}

function row(changes: Partial<LeftRow> = {}): LeftRow {
  const made = { name: 'crm', role: 'crm_app', backendId: 'crm', backendRole: 'crm_app' };
  return { ...made, state: 'ok', connectionLimit: 5, ...changes };
}

function reality(databases: Record<string, Partial<RealDatabase>>, roles: readonly string[] = ['crm_app']): Reality {
  const facts: RealDatabase = { owner: 'crm_app', connectionLimit: 5, grants: [] };
  const entries = Object.entries(databases).map(([name, own]) => [name, { ...facts, ...own }] as const);
  return { databases: new Map(entries), roles: new Set(roles) };
}

function done(changes: Partial<AskedDatabase> = {}, left: LeftRow | undefined = row()): Reported {
  return { asked: asked(changes), outcome: 'done', row: left };
}

const renamed = done({ afterwards: [{ rename: { to: 'crm2' } }] }, row({ name: 'crm2', backendId: 'crm2' }));
const deleted: Reported = { asked: asked({ afterwards: [{ delete: true }] }), outcome: 'done', row: undefined };
const resized = done({ afterwards: [{ resize: { connectionLimit: 9 } }] });
const granted = done({ grants: [{ to: 'reader', privileges: ['CONNECT', 'CREATE'] }] });
const erred: Reported = { asked: asked(), outcome: 'erred', row: row({ state: 'erred', backendId: '' }) };

describe('report and server', () => {
  it.each<[string, Reported, Reality]>([
    ['a database as asked for', done(), reality({ crm: {} })],
    ['a renamed one', renamed, reality({ crm2: {} })],
    ['a deleted one', deleted, reality({}, [])],
    ['a resized one', resized, reality({ crm: { connectionLimit: 9 } })],
    ['its grants', granted, reality({ crm: { grants: ['reader: CONNECT', 'reader: CREATE'] } })],
    ['one that erred before it was there', erred, reality({})],
    ['one that erred after', { ...erred, row: row({ state: 'erred' }) }, reality({ crm: {} })],
    ['one without a limit', done({ connectionLimit: -1 }), reality({ crm: { connectionLimit: -1 } })],
  ])('agree on %s', (_what, reported, real) => {
    expect(differences(reported, real)).toEqual([]);
  });

  it.each<[string, Reported, Reality, string]>([
    ['it is missing', done(), reality({}), 'there is no database "crm"'],
    ['its owner is another', done(), reality({ crm: { owner: 'x' } }), 'the owner is "x" and should be "crm_app"'],
    [
      'its limit is another',
      done(),
      reality({ crm: { connectionLimit: 6 } }),
      'the connection limit is 6 and should be 5',
    ],
    ['the old limit is still there', resized, reality({ crm: {} }), 'the connection limit is 5 and should be 9'],
    ['its owner role is missing', done(), reality({ crm: {} }, []), 'the role "crm_app" is missing'],
    [
      'a grant is missing',
      granted,
      reality({ crm: { grants: ['reader: CONNECT'] } }),
      'these grants are missing: reader: CREATE',
    ],
    ['the former name is still there', renamed, reality({ crm: {}, crm2: {} }), 'a database "crm" is still there'],
    ['it was not deleted', deleted, reality({ crm: {} }, []), 'a database "crm" is there and should not be'],
    ['its role was not dropped', deleted, reality({}), 'the role "crm_app" is still there'],
    ['one that erred is there', erred, reality({ crm: {} }), 'a database "crm" is there and should not be'],
    [
      'its row is not ok',
      done({}, row({ state: 'updating' })),
      reality({ crm: {} }),
      'its row is "updating" and should be "ok"',
    ],
    ['its row is gone', { ...done(), row: undefined }, reality({ crm: {} }), 'its row is "deleted" and should be "ok"'],
  ])('differ where %s', (_what, reported, real, difference) => {
    expect(differences(reported, real)).toEqual([difference]);
  });
});

describe('the verdict', () => {
  const words = { creation: () => 'create', followUp: () => '' };
  const place = 'databases.yaml:7';

  function report(expected: 'ok' | 'erred', state: 'succeeded' | 'failed', real: Reality): DatabaseReport {
    const error = { code: 'BACKEND_REJECTED', message: 'no such template' };
    const operation = { executionId: 'e', done: 'created', state, ...(state === 'failed' ? { error } : {}) };
    const left = state === 'failed' ? row({ state: 'erred', backendId: '' }) : row();
    return databaseReport(
      { asked: asked({ expect: expected }), operations: [operation], row: left },
      place,
      real,
      words,
    );
  }

  const login: LoginCheck = {
    database: 'crm',
    role: 'crm_app',
    ok: true,
    wrongPasswordRefused: true,
    storedAs: 'scram-sha-256',
    error: null,
  };

  it.each<[string, 0 | 1, DatabaseReport, LoginCheck | null]>([
    ['everything is as reported', 0, report('ok', 'succeeded', reality({ crm: {} })), login],
    ['one erred that was to err', 0, report('erred', 'failed', reality({})), null],
    ['the server differs in one row', 1, report('ok', 'succeeded', reality({ crm: { connectionLimit: 6 } })), login],
    ['one erred that was not to err', 1, report('ok', 'failed', reality({})), login],
    ['one did not err that was to err', 1, report('erred', 'succeeded', reality({ crm: {} })), login],
    ['the login failed', 1, report('ok', 'succeeded', reality({ crm: {} })), { ...login, ok: false, error: '28P01' }],
  ])('when %s is exit code %i', (_what, exitCode, database, loginCheck) => {
    expect(verdictOf([database], loginCheck)).toMatchObject({ exitCode, ok: exitCode === 0 });
  });

  it('names the step to take and the place in the manifest for what erred', () => {
    expect(report('erred', 'failed', reality({}))).toMatchObject({
      outcome: 'erred',
      happened: ['erred'],
      error: {
        code: 'BACKEND_REJECTED',
        message: 'no such template',
        at: place,
        next: expect.stringContaining('correct'),
      },
    });
  });
});
