import { chmod, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { makeDatabase } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { hold, makeApp } from './fixture-app/app.ts';
import { processesOf } from './processes-of.ts';
import { fixtureApp, ReeveProcess } from './reeve-process.ts';

const packages = fileURLToPath(new URL('../../../node_modules', import.meta.url));

const config = `
import { writeFileSync } from 'node:fs';
import { makeApp } from '${pathToFileURL(join(fixtureApp, 'app.ts')).href}';
// Only the test is told the address with its password.
writeFileSync(new URL('url.txt', import.meta.url), process.env.DATABASE_URL ?? '');
export default makeApp(process.env);
`;

interface DevProject extends AsyncDisposable {
  readonly folder: string;
  dev(...args: string[]): ReeveProcess;
  start(environment: Readonly<Record<string, string>>, ...args: string[]): ReeveProcess;
  databaseUrl(): Promise<string>;
}

/** A project of its own, whose processes are all killed in the end. */
async function makeDevProject(): Promise<DevProject> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'reeve-cli-dev-')));
  // The user that PostgreSQL runs as, where this is root, must be able to pass.
  await chmod(folder, 0o755);
  await symlink(packages, join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(join(folder, 'reeve.config.ts'), config);
  const start: DevProject['start'] = (environment, ...args) =>
    new ReeveProcess(['dev', ...args], {
      cwd: folder,
      environment: { REEVE_LOG_LEVEL: 'error', REEVE_FIXTURE_FOLDER: folder, ...environment },
    });
  return {
    folder,
    start,
    dev: (...args) => start({}, ...args),
    databaseUrl: () => readFile(join(folder, 'url.txt'), 'utf8'),
    async [Symbol.asyncDispose]() {
      for (const { pid } of processesOf(folder)) process.kill(pid, 'SIGKILL');
      await eventually(() => expect(processesOf(folder)).toEqual([]));
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

const ready = /^ {2}queues +tasks ×10, heavy ×2, background ×5, verbs ×4$/m;

async function noProcessOf(folder: string): Promise<void> {
  await eventually(() => expect(processesOf(folder)).toEqual([]), { timeoutMs: 20_000 });
}

describe('reeve dev', () => {
  it('starts on an embedded server, runs executions, and leaves no process on SIGINT', async () => {
    await using project = await makeDevProject();
    await using dev = project.dev();
    await dev.says(ready);
    const url = await project.databaseUrl();
    const commands = processesOf(project.folder).map(({ command }) => command);
    expect(commands).toEqual(expect.arrayContaining([expect.stringContaining('postgres')]));
    expect(commands.join('\n')).not.toContain(new URL(url).password);

    const reeve = makeApp({ DATABASE_URL: url });
    try {
      const { executionId } = await reeve.execute(hold);
      const held = Number(await eventually(() => readFile(join(project.folder, `${executionId}.held`), 'utf8')));
      expect(held).not.toBe(dev.pid);
      dev.kill('SIGINT');
      await dev.says(/waiting up to .* for 1 step: "hold"/);
      await writeFile(join(project.folder, `${executionId}.release`), '');
      // The server stops after the worker, so the end of the step was written.
      const { exitCode, stdout, stderr } = await dev.end();
      expect(exitCode).toBe(0);
      expect(stderr).toMatch(/^ran Ledger\d+ of Reeve$/m);
      expect(stderr).toMatch(/its tables were made to fit its entities/);
      expect(stderr).toMatch(/\nstopped\n$/);
      expect(stdout + stderr).not.toContain(new URL(url).password);
    } finally {
      await reeve.close();
      await reeve.options.dataSource.destroy();
    }
    await noProcessOf(project.folder);

    // The data stays: the second start has nothing to migrate.
    await using again = project.dev('--no-reload', '--json');
    await again.says(/"event":"worker.ready"/);
    again.kill('SIGTERM');
    const second = await again.end();
    expect(second).toMatchObject({ exitCode: 0 });
    expect(second.stderr).not.toContain('ran Ledger');
    await noProcessOf(project.folder);
  });

  it('leaves no process when it is killed, and starts again on the same data', async () => {
    await using project = await makeDevProject();
    await using dev = project.dev('--data', 'database');
    await dev.says(ready);
    dev.kill('SIGKILL');
    await noProcessOf(project.folder);

    await using again = project.dev('--data', 'database');
    await again.says(ready);
    again.kill('SIGINT');
    expect(await again.end()).toMatchObject({ exitCode: 0 });
    await noProcessOf(project.folder);
  });

  it('restarts the app when a source changes, and waits for the next change when it is broken', async () => {
    await using project = await makeDevProject();
    await using database = await disposableDatabase();
    await using dev = project.start({ DATABASE_URL: database.url });
    await dev.says(ready);
    const file = join(project.folder, 'reeve.config.ts');

    await writeFile(file, 'const broken: = 1;');
    await dev.says(/reeve\.config\.ts changed: restarting\n[\s\S]*CONFIGURATION_INVALID[\s\S]*waiting for a change/);
    await writeFile(file, `${config}\nprocess.stdout.write('mended\\n');`);
    await dev.says(/^mended$[\s\S]*^ {2}queues +tasks/m);
    dev.kill('SIGINT');
    const { exitCode, stderr } = await dev.end();

    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/reeve\.config\.ts changed: starting\n/);
    await noProcessOf(project.folder);
  });

  it('uses the database that the environment names, and leaves the tables of an app without migrations alone', async () => {
    await using project = await makeDevProject();
    await using database = await disposableDatabase();
    await using dev = project.start({ DATABASE_URL: database.url }, '--no-reload');
    await dev.says(ready);
    const tables = await database.tables();
    dev.kill('SIGINT');
    const { exitCode, stderr } = await dev.end();

    expect(exitCode).toBe(0);
    expect(stderr).toContain('using the database that DATABASE_URL names');
    expect(stderr).toContain('its tables were left as they are');
    expect(tables).not.toContain('device');
    expect(tables).toContain('execution');
  });

  it('ends with the exit code of an app that cannot start, without --reload', async () => {
    await using project = await makeDevProject();
    await writeFile(join(project.folder, 'reeve.config.ts'), 'export default 1;');
    await using dev = project.start({ DATABASE_URL: 'postgres://127.0.0.1:1/x' }, '--no-reload', '--json');
    const { exitCode, stdout } = await dev.end();
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'CONFIGURATION_INVALID' } });
  });
});

async function disposableDatabase(): Promise<AsyncDisposable & { url: string; tables(): Promise<string[]> }> {
  const { url, drop } = await makeDatabase();
  return {
    url,
    async tables() {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const { rows } = await client.query<{ name: string }>('SELECT table_name AS name FROM information_schema.tables');
      await client.end();
      return rows.map(({ name }) => name);
    },
    [Symbol.asyncDispose]: drop,
  };
}
