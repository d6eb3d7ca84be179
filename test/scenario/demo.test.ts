import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { DemoReport } from '../../examples/provision/report.ts';
import { startEmbeddedPostgres } from '../../src/embedded/start-embedded-postgres.ts';
import { testServerUrl } from '../support/bundle.ts';
import { withDeadline } from '../support/deferred.ts';

const root = new URL('../../', import.meta.url).pathname;
const demo = 'examples/provision/demo.ts';

interface Run {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reeve-demo-test-'));
  // As root the server runs as another user, who must be able to pass.
  await chmod(folder, 0o755);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
});

/** A folder that the demo takes for the system's temporary one, so that what it leaves behind is seen. */
async function temporary(): Promise<string> {
  const place = await mkdtemp(join(folder, 'tmp-'));
  await chmod(place, 0o755);
  return place;
}

function startDemo(args: readonly string[], environment: Readonly<Record<string, string>>) {
  const own = ['DATABASE_URL', 'REDIS_URL', 'REEVE_LOG_LEVEL', 'NODE_OPTIONS'];
  const inherited = Object.entries(process.env).filter(([name]) => !own.includes(name));
  const child = spawn(process.execPath, [demo, ...args], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  }
  const ended = once(child, 'close').then(([exitCode]): Run => ({ exitCode: exitCode as number | null, ...output }));
  return { child, output, ended: withDeadline(ended, 110_000, 'the end of the demo') };
}

function runDemo(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Run> {
  return startDemo(args, environment).ended;
}

async function rowsOf<Row>(url: string, text: string, params: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, params)).rows as Row[];
  } finally {
    await client.end();
  }
}

async function writeManifest(
  databases: string,
  server = '{ name: main, adminUrlFrom: DATABASE_URL }',
): Promise<string> {
  const file = join(await temporary(), 'databases.yaml');
  await writeFile(file, `server: ${server}\ndatabases:\n${databases}\n`);
  return file;
}

describe('the demo', () => {
  it('provisions what its manifest asks for, reports the truth, and leaves no password anywhere but in the secrets file', async () => {
    const kept = join(folder, 'kept');
    const run = await runDemo(['--json', '--keep', kept]);
    expect(run).toMatchObject({ exitCode: 0 });
    const report = JSON.parse(run.stdout) as DemoReport;
    expect(report).toMatchObject({ server: 'embedded', broker: 'postgres', kept, verdict: { ok: true, exitCode: 0 } });
    expect(report.totals).toEqual({ databases: 14, done: 13, erred: 1, agreeing: 14, operations: 19 });
    expect(new Set(report.workers.map(({ pid }) => pid)).size).toBe(3);
    expect(report.login).toMatchObject({ ok: true, wrongPasswordRefused: true, storedAs: 'scram-sha-256' });
    const byName = new Map(report.databases.map((database) => [database.name, database]));
    expect(byName.get('legacy')).toMatchObject({
      outcome: 'erred',
      expected: 'erred',
      state: 'erred',
      error: {
        code: 'BACKEND_REJECTED',
        message:
          'template "template_postgis" does not exist on the server; the templates there are: template0, template1',
        at: expect.stringMatching(/databases\.yaml:\d+$/),
      },
      real: { exists: false, owner: null, connectionLimit: null },
      agrees: true,
    });
    expect(byName.get('trial_customer')).toMatchObject({ state: 'deleted', real: { exists: false }, agrees: true });
    expect(byName.get('trial_customer')?.executions).toHaveLength(2);
    expect(byName.get('newsletter')).toMatchObject({ real: { exists: true, connectionLimit: 25 }, agrees: true });
    expect(byName.get('telemetry')?.executions).toHaveLength(3);

    const server = await startEmbeddedPostgres({ dataDir: join(kept, 'postgres'), database: 'reeve_demo' });
    try {
      const real = await rowsOf<{ name: string; owner: string; connectionLimit: number }>(
        server.url,
        `SELECT datname AS name, pg_get_userbyid(datdba) AS owner, datconnlimit AS "connectionLimit"
         FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', 'reeve_demo')`,
      );
      const told = report.databases.filter((database) => database.real.exists);
      expect(real).toHaveLength(told.length);
      for (const {
        real: { exists: _exists, ...facts },
      } of told)
        expect(real).toContainEqual(facts);
      expect(real).toContainEqual({ name: 'shop_archive_2025', owner: 'shop_archive', connectionLimit: -1 });
      expect(real).toContainEqual({ name: 'telemetry_raw', owner: 'telemetry', connectionLimit: 80 });
      const gone = await rowsOf(server.url, "SELECT 1 FROM pg_roles WHERE rolname = 'trial_customer'");
      expect(gone).toEqual([]);
      await expectNoSecret(kept, server.url, run);
      await expectLedger(server.url, report);
    } finally {
      await server.stop();
    }
  });

  /** Everything that was printed, logged or stored, searched for every password. */
  async function expectNoSecret(kept: string, url: string, run: Run): Promise<void> {
    const file = join(kept, 'secrets.json');
    expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600');
    const stored = Object.values(JSON.parse(await readFile(file, 'utf8')) as Record<string, string>);
    const secrets = [...stored, (await readFile(join(kept, 'postgres/password'), 'utf8')).trim()];
    expect(secrets).toHaveLength(15);
    const tables = await rowsOf<{ path: string }>(
      url,
      `SELECT format('%I.%I', schemaname, tablename) AS path FROM pg_tables
       WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    const paths = tables.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['reeve.execution', 'reeve.step', 'public.provisioned_database']));
    const texts = [run.stdout, run.stderr, await readFile(join(kept, 'workers.log'), 'utf8')];
    for (const path of paths) {
      const rows = await rowsOf<{ text: string }>(url, `SELECT t::text AS text FROM ${path} AS t`);
      texts.push(rows.map(({ text }) => text).join('\n'));
    }
    const everything = texts.join('\n');
    expect(everything).toContain('databases/crm');
    for (const secret of secrets) expect(everything.includes(secret)).toBe(false);
  }

  async function expectLedger(url: string, report: DemoReport): Promise<void> {
    const executions = await rowsOf<{ id: string; state: string }>(url, 'SELECT id, state FROM reeve.execution');
    const ids = report.databases.flatMap((database) => database.executions);
    const states = new Map(executions.map(({ id, state }) => [id, state]));
    expect(executions).toHaveLength(ids.length + 1);
    expect(ids.filter((id) => states.get(id) === 'failed')).toEqual(
      report.databases.find(({ name }) => name === 'legacy')?.executions,
    );
    const heavy = await rowsOf(url, "SELECT DISTINCT description FROM reeve.step WHERE queue = 'heavy' ORDER BY 1");
    expect(heavy).toEqual([{ description: 'createDatabase' }, { description: 'dropDatabase' }]);
  }

  it('says in plain lines what happens, and leaves no process and no file behind', async () => {
    const place = await temporary();
    const file = await writeManifest(
      '  - name: plain\n    afterwards: [{ rename: { to: plainer } }, { delete: true }]',
    );
    const run = await runDemo(['--manifest', file], { TMPDIR: place });
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout.split('\n').slice(0, 3).join('\n')).toContain(`1 databases of ${file}`);
    expect(run.stdout).toMatch(/^ +\d+\.\ds {2}plain {2}deleted$/m);
    expect(run.stdout).toContain('The report and the server agree.');
    expect(run.stdout).not.toContain('\u001B');
    expect(await readdir(place)).toEqual([]);
  });

  it('ends with exit code 1 when one errs that was not expected to, and says so', async () => {
    const file = await writeManifest('  - { name: fine }\n  - { name: wrong, template: nowhere }');
    const run = await runDemo(['--json', '--manifest', file], { TMPDIR: await temporary() });
    expect(run.exitCode).toBe(1);
    const report = JSON.parse(run.stdout) as DemoReport;
    expect(report.verdict).toEqual({ ok: false, exitCode: 1, problems: ['wrong: erred unexpectedly'] });
    expect(report.databases[1]?.error?.at).toBe(`${file}:4`);
  });

  it('stops in order at Ctrl+C and leaves no process and no file behind', async () => {
    const place = await temporary();
    const { child, output, ended } = startDemo([], { TMPDIR: place });
    await new Promise<void>((resolve) => {
      child.stdout.on('data', () => {
        if (output.stdout.includes('createDatabase')) resolve();
      });
    });
    // npm passes the signal on that the terminal has sent already.
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('stopping in order') });
    expect(await readdir(place)).toEqual([]);
    const pids = /pids ([\d, ]+)\)/.exec(output.stdout)?.[1]?.split(', ').map(Number) ?? [];
    expect(pids).toHaveLength(3);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

describe('on a server of the user', () => {
  it('works in a database of its own and drops everything that it made', async () => {
    const url = testServerUrl();
    const [first, second] = ['demo_given_one', 'demo_given_two'];
    const file = await writeManifest(
      `  - { name: ${first}, connectionLimit: 4 }\n  - { name: ${second}, template: no, expect: erred }`,
    );
    const place = await temporary();
    const run = await runDemo(['--json', '--manifest', file], { DATABASE_URL: url, TMPDIR: place });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(run.stdout)).toMatchObject({
      server: 'given',
      databases: [{ real: { exists: true, owner: first, connectionLimit: 4 } }, { real: { exists: false } }],
    });
    const names = [[first, second, 'reeve_demo']];
    expect(await rowsOf(url, 'SELECT 1 FROM pg_database WHERE datname = ANY ($1)', names)).toEqual([]);
    expect(await rowsOf(url, 'SELECT 1 FROM pg_roles WHERE rolname = ANY ($1)', names)).toEqual([]);
    expect(await readdir(place)).toEqual([]);
    expect(run.stdout + run.stderr).not.toContain(new URL(url).password);
  });

  it('starts nothing when a name is taken there', async () => {
    const url = testServerUrl();
    await rowsOf(url, 'CREATE ROLE demo_taken');
    try {
      const file = await writeManifest('  - { name: demo_taken }');
      const run = await runDemo(['--manifest', file], { DATABASE_URL: url, TMPDIR: await temporary() });
      expect(run).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('role demo_taken') });
      expect(await rowsOf(url, "SELECT 1 FROM pg_database WHERE datname = 'reeve_demo'")).toEqual([]);
      expect(await rowsOf(url, "SELECT 1 FROM pg_roles WHERE rolname = 'demo_taken'")).toHaveLength(1);
    } finally {
      await rowsOf(url, 'DROP ROLE demo_taken');
    }
  });
});

const redisUrl = process.env['REEVE_TEST_REDIS_URL'] ?? '';

(redisUrl === '' ? describe.skip : describe)('with Redis', () => {
  it('does the same, and leaves no key behind', async () => {
    // A number of its own, since other tests use the server at the same time.
    const url = new URL(redisUrl);
    url.pathname = '/11';
    const run = await runDemo(['--json'], { REDIS_URL: url.href, TMPDIR: await temporary() });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(run.stdout)).toMatchObject({
      broker: 'redis',
      totals: { databases: 14, erred: 1, agreeing: 14 },
      verdict: { ok: true },
    });
    const redis = new Redis(url.href);
    expect(await redis.keys('*')).toEqual([]);
    redis.disconnect();
  });
});
