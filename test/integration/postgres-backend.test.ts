import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, escapeIdentifier } from 'pg';
import type { ProvisionedDatabase } from '../../src/backends/postgres/ownership.ts';
import { PostgresBackend, type PostgresBackendOptions } from '../../src/backends/postgres/postgres-backend.ts';
import type { SecretResolver } from '../../src/backends/secrets.ts';
import { ReeveError } from '../../src/core/errors.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/start-embedded-postgres.ts';
import { eventually } from '../support/eventually.ts';

const password = 'clear-Text_Passw0rd$';
const secrets: SecretResolver = {
  resolve: async (ref) => {
    if (ref === 'missing') throw new ReeveError('SECRET_UNRESOLVED', 'secretRef "missing" is not there');
    return password;
  },
};

let folder: string;
let server: EmbeddedPostgres;
let limitedUrl: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reeve-backend-'));
  await chmod(folder, 0o755);
  const logging = ['logging_collector=on', 'log_directory=log', 'log_statement=all', 'log_min_error_statement=error'];
  const postgresFlags = ['fsync=off', ...logging].flatMap((setting) => ['-c', setting]);
  server = await startEmbeddedPostgres({ dataDir: folder, persistent: false, postgresFlags });
  await admin(`CREATE ROLE limited LOGIN CREATEDB CREATEROLE PASSWORD 'limited'`);
  limitedUrl = withUser('limited', 'limited');
});

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

function backend(options: Partial<PostgresBackendOptions> = {}): PostgresBackend {
  return new PostgresBackend({ url: server.url, secrets, ...options });
}

function resource(changes: Partial<ProvisionedDatabase> = {}): ProvisionedDatabase {
  const id = `r-${randomBytes(5).toString('hex')}`;
  return { id, name: `db_${id}`, role: `role_${id}`, secretRef: 'main', ...changes };
}

async function provisioned(
  changes: Partial<ProvisionedDatabase> = {},
  by: PostgresBackend = backend(),
): Promise<ProvisionedDatabase> {
  const db = resource(changes);
  await by.createRole(db);
  await by.createDatabase(db);
  return db;
}

function withUser(user: string, userPassword: string, database = 'postgres'): string {
  const url = new URL(server.url);
  url.username = encodeURIComponent(user);
  url.password = encodeURIComponent(userPassword);
  url.pathname = database;
  return url.href;
}

async function session(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function admin(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = await session(server.url);
  try {
    const result = await client.query<Record<string, unknown>>(sql, values);
    return result.rows;
  } finally {
    await client.end();
  }
}

async function failure(call: Promise<unknown>): Promise<ReeveError> {
  return call.then(
    () => {
      throw new Error('the call did not fail');
    },
    (error: unknown) => error as ReeveError,
  );
}

async function databaseRow(name: string): Promise<Record<string, unknown> | undefined> {
  const rows = await admin(
    `SELECT r.rolname AS owner, d.datconnlimit AS limit FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE datname = $1`,
    [name],
  );
  return rows[0];
}

describe.each([
  ['a superuser', () => server.url],
  ['a user with CREATEDB and CREATEROLE only', () => limitedUrl],
])('the PostgreSQL backend as %s', (_, url) => {
  it('takes a database through its whole life, and every call may be repeated', async () => {
    const postgres = backend({ url });
    const db = resource({ connectionLimit: 5 });
    const renamed = { ...db, name: `${db.name}_new` };
    const twice = async <T>(call: () => Promise<T>): Promise<T[]> => [await call(), await call()];

    expect(await postgres.isReady(db)).toBe(false);
    expect(await twice(() => postgres.createRole(db))).toEqual([{ role: db.role }, { role: db.role }]);
    expect(await twice(() => postgres.createDatabase(db))).toEqual([{ name: db.name }, { name: db.name }]);
    expect(await twice(() => postgres.isReady(db))).toEqual([true, true]);
    expect(await databaseRow(db.name)).toEqual({ owner: db.role, limit: 5 });

    await twice(() => postgres.resize(db, { connectionLimit: 7 }));
    expect(await databaseRow(db.name)).toEqual({ owner: db.role, limit: 7 });
    await twice(() => postgres.grant(db, { to: 'limited', privileges: ['CONNECT', 'CREATE', 'TEMPORARY'] }));

    expect(await twice(() => postgres.renameDatabase(db, { to: renamed.name }))).toEqual([
      { name: renamed.name },
      { name: renamed.name },
    ]);
    expect(await twice(() => postgres.isReady(db))).toEqual([false, false]);
    expect(await postgres.listDatabases()).toContainEqual({
      name: renamed.name,
      owner: db.role,
      connectionLimit: 7,
      sizeBytes: expect.any(Number),
      acceptsConnections: true,
    });

    expect(await twice(() => postgres.dropDatabase(renamed))).toEqual([{ dropped: true }, { dropped: false }]);
    expect(await twice(() => postgres.dropRole(renamed))).toEqual([{ dropped: true }, { dropped: false }]);
    expect(await admin('SELECT 1 FROM pg_roles WHERE rolname = $1', [db.role])).toEqual([]);
  });

  it('makes a role that logs in with the password, of which the server has only a SCRAM verifier', async () => {
    const db = await provisioned({}, backend({ url }));

    const client = await session(withUser(db.role, password, db.name));
    const { rows } = await client.query('SELECT current_user AS me');
    await client.end();

    expect(rows).toEqual([{ me: db.role }]);
    await expect(session(withUser(db.role, 'another', db.name))).rejects.toMatchObject({ code: '28P01' });
    const [stored] = await admin('SELECT rolpassword FROM pg_authid WHERE rolname = $1', [db.role]);
    expect(stored?.['rolpassword']).toMatch(/^SCRAM-SHA-256\$4096:/);
  });

  it.each(['a"; DROP DATABASE x; --', "it's $1 \\ %s", 'Ünï 数据 🐘', 'sl/ash?query#hash%41@:', 'spaces  in it'])(
    'takes the name %s for a name',
    async (name) => {
      const postgres = backend({ url });
      const db = await provisioned({ name, role: `${name} role`, id: `${name} id` }, postgres);
      expect(await postgres.isReady(db)).toBe(true);
      await postgres.grant(db, { to: db.role, privileges: ['CONNECT'] });
      await postgres.resize(db, { connectionLimit: 3 });
      await postgres.renameDatabase(db, { to: `${name}!` });
      expect(await postgres.isReady({ ...db, name: `${name}!` })).toBe(true);
      expect(await postgres.dropDatabase({ ...db, name: `${name}!` })).toEqual({ dropped: true });
      expect(await postgres.dropRole(db)).toEqual({ dropped: true });
    },
  );

  it('creates 12 databases at the same time, also when each call is made twice', async () => {
    const postgres = backend({ url });
    const all = await Promise.all(Array.from({ length: 12 }, async () => resource()));
    await Promise.all([...all, ...all].map((db) => postgres.createRole(db)));
    await Promise.all([...all, ...all].map((db) => postgres.createDatabase(db)));
    expect(await Promise.all(all.map((db) => postgres.isReady(db)))).toEqual(all.map(() => true));
    await Promise.all([...all, ...all].map((db) => postgres.dropDatabase(db)));
    await Promise.all([...all, ...all].map((db) => postgres.dropRole(db)));
  });
});

describe('what belongs to somebody else', () => {
  const refused = { code: 'BACKEND_REJECTED', retryable: false };

  it('is refused as a role', async () => {
    const mine = await provisioned();
    const other = resource({ role: mine.role });
    const byHand = resource({ role: 'limited' });
    for (const call of ['createRole', 'createDatabase', 'dropRole'] as const) {
      await expect(backend()[call](other)).rejects.toMatchObject({
        ...refused,
        message: `role "${mine.role}" exists on the server and belongs to the resource ${mine.id}; choose another role name for the resource ${other.id}`,
      });
      await expect(backend()[call](byHand)).rejects.toMatchObject({
        ...refused,
        message: expect.stringContaining('role "limited" exists on the server and was not made by Reeve'),
      });
    }
  });

  it('is refused as a database by every call, and not changed', async () => {
    const mine = await provisioned();
    const other = resource({ name: mine.name });
    await backend().createRole(other);

    await expect(backend().createDatabase(other)).rejects.toMatchObject({
      ...refused,
      message: `database "${mine.name}" exists on the server and belongs to "${mine.role}"; choose another name in the manifest`,
    });
    for (const call of [
      backend().dropDatabase(other),
      backend().resize(other, { connectionLimit: 1 }),
      backend().grant(other, { to: other.role, privileges: ['CONNECT'] }),
      backend().renameDatabase(other, { to: 'mine_now' }),
    ]) {
      await expect(call).rejects.toMatchObject({ ...refused, message: expect.stringContaining('nothing was changed') });
    }
    expect(await databaseRow(mine.name)).toEqual({ owner: mine.role, limit: -1 });
  });

  it('is refused as the new name of a database', async () => {
    const [mine, other] = [await provisioned(), await provisioned()];
    await expect(backend().renameDatabase(mine, { to: other.name })).rejects.toMatchObject({
      ...refused,
      message: `database "${other.name}" exists on the server and belongs to "${other.role}"; "${mine.name}" was not renamed; choose another name`,
    });
    await expect(backend().renameDatabase({ ...mine, name: 'gone' }, { to: other.name })).rejects.toMatchObject(
      refused,
    );
  });
});

describe('a call that cannot be done', () => {
  it('names an unknown template and those that exist', async () => {
    const db = resource();
    await backend().createRole(db);
    await admin(`CREATE DATABASE ${db.id.replace('-', '_')}_template IS_TEMPLATE true`);
    const template = `${db.id.replace('-', '_')}_template`;

    await expect(backend().createDatabase(db, { template: 'nothing' })).rejects.toMatchObject({
      code: 'BACKEND_REJECTED',
      message: expect.stringMatching(
        `template "nothing" does not exist on the server; .*${template}, template0, template1$`,
      ),
    });

    const user = await session(withUser(new URL(server.url).username, new URL(server.url).password, template));
    await expect(backend().createDatabase(db, { template })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      retryable: true,
      message: expect.stringContaining('is being accessed by other users'),
    });
    await user.end();
    await eventually(() => backend().createDatabase(db, { template }));
  }, 30_000);

  it('says what is missing: the owner role, the database, the role of a grant, the secret', async () => {
    const db = resource();
    const missing = { code: 'BACKEND_NOT_FOUND', retryable: false };
    await expect(backend().createDatabase(db)).rejects.toMatchObject({
      ...missing,
      message: `the owner role "${db.role}" of database "${db.name}" does not exist; create the role first`,
    });
    await expect(backend().resize(db, { connectionLimit: 1 })).rejects.toMatchObject(missing);
    await expect(backend().renameDatabase(db, { to: 'x' })).rejects.toMatchObject(missing);
    await expect(backend().grant(db, { to: 'x', privileges: ['CONNECT'] })).rejects.toMatchObject(missing);
    await expect(backend().createRole({ ...db, secretRef: 'missing' })).rejects.toMatchObject({
      code: 'SECRET_UNRESOLVED',
    });

    const granting = backend().grant(await provisioned(), { to: 'nobody-here', privileges: ['CONNECT'] });
    await expect(granting).rejects.toMatchObject({
      code: 'BACKEND_REJECTED',
      message: expect.stringMatching(
        /^granting privileges on .* on 127\.0\.0\.1:\d+: role "nobody-here" does not exist$/,
      ),
    });
  });

  it('is refused before the server is asked: reserved and long names, limits, privileges', async () => {
    const closed = backend({ url: 'postgres://127.0.0.1:1/none' });
    for (const call of [
      closed.createRole(resource({ role: 'pg_me' })),
      closed.createDatabase(resource({ name: 'template1' })),
      closed.createDatabase(resource({ name: 'n'.repeat(64) })),
      closed.createDatabase(resource(), { template: '' }),
      closed.renameDatabase(resource(), { to: 'postgres' }),
      closed.grant(resource(), { to: 'public', privileges: ['CONNECT'] }),
      closed.isReady(resource({ name: '' })),
    ]) {
      await expect(call).rejects.toMatchObject({ code: 'BACKEND_REJECTED' });
    }
    const db = await provisioned();
    await expect(backend().resize(db, { connectionLimit: -2 })).rejects.toMatchObject({ code: 'BACKEND_REJECTED' });
    await expect(backend().grant(db, { to: db.role, privileges: [] })).rejects.toMatchObject({
      code: 'BACKEND_REJECTED',
    });
    const injected = 'ALL ON DATABASE postgres TO public; --' as 'CONNECT';
    await expect(backend().grant(db, { to: db.role, privileges: [injected] })).rejects.toThrow('cannot be granted');
  });

  it('names what a role still owns when it is to be dropped', async () => {
    const db = await provisioned();
    await expect(backend().dropRole(db)).rejects.toMatchObject({
      code: 'BACKEND_REJECTED',
      message: expect.stringContaining(`owner of database ${db.name}`),
    });
  });

  it('may be tried again when others are connected to a database that is renamed; a drop ends their sessions', async () => {
    const db = await provisioned();
    const user = await session(withUser(db.role, password, db.name));

    await expect(backend().renameDatabase(db, { to: `${db.name}2` })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      retryable: true,
      details: { sqlState: '55006' },
    });
    const ended = new Promise((resolve) => user.once('end', resolve));
    expect(await backend().dropDatabase(db)).toEqual({ dropped: true });
    await ended;
  }, 30_000);
});

describe('a database in an odd state', () => {
  it('is not ready, and is made again when its drop was interrupted', async () => {
    const db = await provisioned();
    await admin('UPDATE pg_database SET datconnlimit = -2 WHERE datname = $1', [db.name]);

    expect(await backend().isReady(db)).toBe(false);
    const listed = (await backend().listDatabases()).find(({ name }) => name === db.name);
    expect(listed).toMatchObject({ acceptsConnections: false });
    await backend().createDatabase(db);
    expect(await backend().isReady(db)).toBe(true);
  });

  it('is not ready while it lets nobody in', async () => {
    const db = await provisioned();
    await admin(`ALTER DATABASE ${escapeIdentifier(db.name)} ALLOW_CONNECTIONS false`);
    expect(await backend().isReady(db)).toBe(false);
  });
});

describe('the server', () => {
  it('may be tried again when it is down, or does not answer in time', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const slow = backend({ url: `postgres://u:${password}@127.0.0.1:${port}/d`, connectTimeoutMs: 200 });
    const down = backend({ url: async () => `postgres://u:${password}@127.0.0.1:1/d` });
    const unavailable = { code: 'BACKEND_UNAVAILABLE', retryable: true };

    await expect(slow.listDatabases()).rejects.toMatchObject(unavailable);
    await expect(down.isReady(resource())).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('on 127.0.0.1:1: connect ECONNREFUSED'),
    });
    silent.close();
  });

  it('is left at once with the reason of the signal, while connecting, while waiting and before', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const reason = new Error('the worker stops');
    const connecting = new AbortController();
    const call = backend({ url: `postgres://u@127.0.0.1:${port}/d`, signal: connecting.signal }).listDatabases();
    await once(silent, 'connection');
    connecting.abort(reason);
    await expect(call).rejects.toBe(reason);
    silent.close();

    const db = await provisioned();
    const holder = await session(server.url);
    await holder.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`reeve backend ${db.id}`]);
    const waiting = new AbortController();
    const resizing = backend({ signal: waiting.signal }).resize(db, { connectionLimit: 1 });
    await eventually(async () => {
      expect(await admin(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).toHaveLength(1);
    });
    waiting.abort(reason);
    await expect(resizing).rejects.toBe(reason);
    await holder.end();

    await expect(backend({ signal: AbortSignal.abort(reason) }).isReady(db)).rejects.toBe(reason);
  });

  it('never sees a password in clear text, and neither does the reader of an error or of the backend', async () => {
    const db = await provisioned();
    const url = withUser(new URL(server.url).username, `wrong-${password}`);
    const errors = await Promise.all([
      failure(backend({ url }).createRole(db)),
      failure(backend({ url: `postgres://u:${password}@127.0.0.1:1/d` }).listDatabases()),
      failure(backend({ url: `postgres://u:${password}@[bad/d` }).listDatabases()),
      failure(backend({ url: `postgres://u:${password}@127.0.0.1:99999999/d` }).listDatabases()),
      failure(backend().createRole(resource({ role: 'limited' }))),
    ]);
    for (const text of [...errors, backend({ url })].map(
      (value) => inspect(value, { depth: null, showHidden: true }) + JSON.stringify(value),
    )) {
      expect(text).not.toContain(password);
      expect(text).not.toContain(new URL(server.url).password);
    }
    expect(errors.map((error) => error.code)).toEqual([
      'BACKEND_REJECTED',
      'BACKEND_UNAVAILABLE',
      'BACKEND_REJECTED',
      'BACKEND_REJECTED',
      'BACKEND_REJECTED',
    ]);

    const logFolder = join(server.dataDir, 'pgdata', 'log');
    const logs = await Promise.all((await readdir(logFolder)).map((name) => readFile(join(logFolder, name), 'utf8')));
    expect(logs.join()).toContain(`CREATE ROLE "${db.role}" LOGIN PASSWORD 'SCRAM-SHA-256$4096:`);
    expect(logs.join()).not.toContain(password);
  });
});
