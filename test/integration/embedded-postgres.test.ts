import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/start-embedded-postgres.ts';
import { withDeadline } from '../support/deferred.ts';
import { eventually } from '../support/eventually.ts';

const startModule = fileURLToPath(new URL('../../src/embedded/start-embedded-postgres.ts', import.meta.url));
const quick = ['-c', 'fsync=off'];

let folder: string;
let notices: string[];
let servers: EmbeddedPostgres[];
let programs: ChildProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reeve-embedded-'));
  await chmod(folder, 0o755);
  notices = [];
  servers = [];
  programs = [];
});

afterEach(async () => {
  for (const child of programs) child.kill('SIGKILL');
  for (const server of servers) await server.stop();
  await eventually(() => {
    expect(existsSync(join(folder, 'host.json'))).toBe(false);
  });
  await rm(folder, { recursive: true, force: true, maxRetries: 20 });
});

async function start(options: Partial<Parameters<typeof startEmbeddedPostgres>[0]> = {}): Promise<EmbeddedPostgres> {
  const onNotice = (text: string): void => void notices.push(text);
  const server = await startEmbeddedPostgres({ dataDir: folder, postgresFlags: quick, onNotice, ...options });
  servers.push(server);
  return server;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows;
  } finally {
    await client.end();
  }
}

/** A program of its own that starts a server on `folder` and prints its URL; `then` is what it does afterwards. */
async function program(then: string): Promise<{ child: ChildProcess; url: string; nextLine: () => Promise<string> }> {
  const code = `
    import { startEmbeddedPostgres } from ${JSON.stringify(pathToFileURL(startModule).href)};
    const dataDir = ${JSON.stringify(folder)};
    const server = await startEmbeddedPostgres({ dataDir, postgresFlags: ${JSON.stringify(quick)} });
    console.log(server.url);
    ${then}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  programs.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => String((await withDeadline(lines.next(), 20_000, 'a line')).value);
  return { child, url: await nextLine(), nextLine };
}

async function serverPid(): Promise<number> {
  return Number.parseInt(await readFile(join(folder, 'pgdata', 'postmaster.pid'), 'utf8'), 10);
}

async function hostPid(): Promise<number> {
  return (JSON.parse(await readFile(join(folder, 'host.json'), 'utf8')) as { hostPid: number }).hostPid;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    return await once(socket, 'connect').then(
      () => true,
      () => false,
    );
  } finally {
    socket.destroy();
  }
}

async function expectStopped(url: string): Promise<void> {
  await eventually(async () => {
    expect(await isListening(Number(new URL(url).port))).toBe(false);
    expect(existsSync(join(folder, 'pgdata', 'postmaster.pid'))).toBe(false);
  });
}

async function listening(): Promise<{ taken: Server; port: number }> {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  return { taken, port: (taken.address() as { port: number }).port };
}

describe('an embedded PostgreSQL', () => {
  it('starts in a new folder with a UTF-8 database, closed to other machines and to callers without the password', async () => {
    const server = await start({ dataDir: join(folder, 'a', 'new one'), database: 'app "1"' });

    const [facts] = await query(
      server.url,
      `SELECT current_database() AS db, current_setting('server_encoding') AS encoding,
         current_setting('listen_addresses') AS addresses, current_setting('unix_socket_directories') AS sockets,
         current_setting('max_connections') AS connections, 'ä' < 'b' AS cultural, upper('ä') AS upper`,
    );

    expect(facts).toEqual({
      db: 'app "1"',
      encoding: 'UTF8',
      addresses: '127.0.0.1',
      sockets: '',
      connections: '300',
      cultural: false,
      upper: 'Ä',
    });
    expect((await stat(join(server.dataDir, 'password'))).mode & 0o777).toBe(0o600);
    await expect(query(server.url.replace(/:[^:@]+@/, ':wrong@'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    expect(notices).toEqual([]);
  });

  it('keeps its data and its password when it is opened again', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS number');
    await first.stop();
    await first.stop();
    expect(await isListening(first.port)).toBe(false);

    const second = await start();

    expect(await query(second.url, 'SELECT number FROM kept')).toEqual([{ number: 7 }]);
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
    expect(notices).toEqual([]);
  });

  it('leaves nothing behind when it is not to persist', async () => {
    const server = await start({ dataDir: join(folder, 'passing'), persistent: false });
    await server.stop();
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes the next free port when the given one is taken, and says so', async () => {
    const { taken, port } = await listening();
    try {
      const server = await start({ port });
      expect(server.port).toBeGreaterThan(port);
      expect(notices).toEqual([`port ${port} is taken; PostgreSQL listens on port ${server.port}`]);
      expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    } finally {
      taken.close();
    }
  });

  it('refuses a port that is none', async () => {
    await expect(start({ port: 70_000 })).rejects.toMatchObject({ code: 'EMBEDDED_POSTGRES_FAILED' });
  });

  it('says what PostgreSQL said when it does not start, and leaves the folder free', async () => {
    const failed = start({ postgresFlags: ['-c', 'no_such_setting=1'] });
    await expect(failed).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_FAILED',
      message: expect.stringContaining('unrecognized configuration parameter "no_such_setting"'),
    });
    expect(await query((await start()).url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('the end of the program', () => {
  it('stops the server when the program is killed', async () => {
    const { child, url } = await program('setInterval(() => {}, 1000);');
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);

    child.kill('SIGKILL');

    await expectStopped(url);
  });

  it('stops the server when the program ends without stopping it, and does not hold the program up', async () => {
    const { child, url } = await program('');
    const [exitCode] = (await withDeadline(once(child, 'exit'), 10_000, 'the end of the program')) as [number];
    expect(exitCode).toBe(0);
    await expectStopped(url);
  });

  it('does not begin with Ctrl+C: the server stays until the program has finished its work', async () => {
    const { child, url, nextLine } = await program(`
      process.on('SIGINT', () => console.log('interrupted'));
      process.on('SIGTERM', async () => { await server.stop(); process.exit(0); });
      setInterval(() => {}, 1000);
      console.log('listening');`);
    // The address is printed before the handlers are there; a signal in between would end the program.
    expect(await nextLine()).toBe('listening');

    process.kill(-child.pid!, 'SIGINT');
    expect(await nextLine()).toBe('interrupted');
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);

    child.kill('SIGTERM');
    await expectStopped(url);
  });
});

describe('a data folder after an unclean stop', () => {
  it('recovers committed data after the server was killed, and the program is told of the death', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS number');

    process.kill(await serverPid(), 'SIGKILL');
    await eventually(() => {
      expect(notices.join()).toContain(`PostgreSQL on port ${first.port} ended by itself (signal SIGKILL)`);
    });
    await first.stop();

    expect(await query((await start()).url, 'SELECT number FROM kept')).toEqual([{ number: 7 }]);
    expect(notices.join()).toContain('removed the stale lock file');
  });

  it('ignores a lock file whose pid now belongs to another process of the same user', async () => {
    await (await start()).stop();
    const { uid, gid } = await stat(join(folder, 'pgdata'));
    const stranger = spawn('sleep', ['600'], { cwd: '/', uid, gid });
    programs.push(stranger);
    await once(stranger, 'spawn');
    const lockFile = join(folder, 'pgdata', 'postmaster.pid');
    await writeFile(lockFile, `${stranger.pid}\n${join(folder, 'pgdata')}\n1700000000\n5432\n\n127.0.0.1\n`);

    const server = await start();

    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(notices).toEqual([expect.stringContaining(`removed the stale lock file ${lockFile}`)]);
    expect(stranger.exitCode).toBeNull();
  });

  it('stops a server that lost its host, and starts anew', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS number');
    const orphan = await serverPid();
    process.kill(await hostPid(), 'SIGKILL');
    await first.stop();
    expect(await isListening(first.port)).toBe(true);

    const second = await start();

    expect(notices).toEqual([expect.stringContaining(`stopped the PostgreSQL server ${orphan}`)]);
    expect(await query(second.url, 'SELECT number FROM kept')).toEqual([{ number: 7 }]);
    expect(await isListening(first.port)).toBe(second.port === first.port);
  });

  it('is made again when the first start died in the middle of it', async () => {
    const dying = start();
    const isDraft = (name: string): boolean => /^pgdata\.draft-[0-9a-f]+$/.test(name);
    await eventually(
      async () => {
        expect((await readdir(folder)).some(isDraft)).toBe(true);
      },
      { pauseMs: 1 },
    );
    process.kill(await hostPid(), 'SIGKILL');
    await expect(dying).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_FAILED',
      message: expect.stringContaining('ended early (SIGKILL)'),
    });

    const server = await start();

    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(notices.join()).toContain('which an interrupted start left unfinished');
    expect((await readdir(folder)).toSorted()).toEqual(['host.json', 'password', 'pgdata', 'reeve-postgres.json']);
  });

  it('keeps a data directory without PG_VERSION aside and makes a new one', async () => {
    await (await start()).stop();
    await rm(join(folder, 'pgdata', 'PG_VERSION'));

    await start();

    expect(notices).toEqual([expect.stringContaining('was not a complete data directory; moved it to')]);
    expect((await readdir(folder)).filter((name) => name.startsWith('pgdata.unfinished-'))).toHaveLength(1);
  });
});

describe('a data folder of somebody else', () => {
  it('is refused and left as it is', async () => {
    await writeFile(join(folder, 'thesis.txt'), 'years of work');
    await expect(start()).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_FAILED',
      message: expect.stringContaining('holds files that Reeve did not make (thesis.txt …); nothing was touched'),
    });
    expect(await readdir(folder)).toEqual(['thesis.txt']);
  });

  it('is refused when it is a file', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(start({ dataDir: file })).rejects.toThrow(`the data folder ${file} cannot be opened (ENOTDIR)`);
  });

  it('is refused while another Reeve uses it, which is named', async () => {
    await start();
    await expect(start()).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_FAILED',
      message: `data folder ${folder} is in use by pid ${await serverPid()}, started by pid ${process.pid}; stop that reeve first or choose another folder`,
    });
  });

  it('is given to one only of several starts at the same moment', async () => {
    const outcomes = await Promise.allSettled([start(), start(), start()]);
    const failures = outcomes
      .filter((outcome) => outcome.status === 'rejected')
      .map((outcome) => String(outcome.reason));
    expect(failures).toEqual([expect.stringContaining('is in use by'), expect.stringContaining('is in use by')]);
  });
});

const asRoot = process.getuid?.() === 0 ? it : it.skip;

describe('a server for root', () => {
  asRoot('runs as another user, and keeps its data in /var/tmp when that user cannot reach the folder', async () => {
    await mkdir(join(folder, 'closed'), { mode: 0o700 });
    const asked = join(folder, 'closed', 'data');
    const first = await start({ dataDir: asked });
    try {
      expect(first.dataDir).toMatch(/^\/var\/tmp\/reeve-[0-9a-f]{16}$/);
      expect(notices).toEqual([expect.stringMatching(/closed is closed to the user .* instead of .*closed\/data$/)]);
      expect((await stat(join(first.dataDir, 'pgdata'))).uid).not.toBe(0);
      await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS number');
      await first.stop();

      const second = await start({ dataDir: asked, persistent: false });

      expect(await query(second.url, 'SELECT number FROM kept')).toEqual([{ number: 7 }]);
      await second.stop();
      expect(existsSync(first.dataDir)).toBe(false);
    } finally {
      await rm(first.dataDir, { recursive: true, force: true });
    }
  });
});
