import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeWorld, type WorldBundle } from '../../support/world.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

describe('tools for verbs', () => {
  let world: WorldBundle;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'reeve-verbs-'));
    world = await makeWorld('postgres', { folder });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const reeve = (...args: string[]): { status: number | null; stdout: string; stderr: string } => {
    const config = path.join(root, 'examples/world/reeve.config.ts');
    const environment = { ...process.env, DATABASE_URL: world.bundle.url, REDIS_URL: '' };
    const done = spawnSync(process.execPath, [path.join(root, 'bin/reeve.js'), 'moo', ...args, '-A', config], {
      env: environment,
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { status: done.status, stdout: done.stdout, stderr: done.stderr };
  };

  it('init is idempotent, and brings verbs that were changed back to their files', async () => {
    expect((await world.bundle.reeve.world.init()).unchanged.length).toBeGreaterThanOrEqual(40);
    await world.code('Wizard', `$.room.setVerbCode('say', 'print(1)')`);
    expect(await world.bundle.reeve.world.init()).toMatchObject({ added: [], updated: ['room/say.js'] });
  });

  it('verb files are loaded, known again, and read again by @reload, also after an error', async () => {
    const file = path.join(folder, 'greet.ts');
    const write = (body: string): Promise<void> =>
      writeFile(file, `#!moo verb greet he*llo --on $room --dspec either\n${body}\n`);
    await write(`const text: string = 'first'; print(text);`);
    const load = await world.bundle.reeve.world.load(folder);
    expect(load).toEqual({ added: ['greet.ts'], updated: [], unchanged: [] });
    expect((await world.bundle.reeve.world.load(folder)).unchanged).toEqual(['greet.ts']);
    expect((await world.run('Prog', 'hell')).output).toEqual(['first']);
    await write(`print('second');`);
    const reloaded = await world.run('Wizard', '@reload greet on $room');
    expect(reloaded.messages.map(({ body }) => body)).toContain('Reloaded 1 verb(s).');
    expect((await world.run('Prog', 'greet')).output).toEqual(['second']);
    await write(`print('third'`);
    const failed = await world.run('Wizard', '@reload greet on $room');
    expect(failed.messages.map(({ body }) => body).join('\n')).toMatch(/Syntax error in line/);
    expect((await world.run('Prog', 'greet')).output).toEqual(['second']);
    await rm(file);
  });

  it('verbs are made, shown, listed, changed and protected at the prompt', async () => {
    await world.run('Prog', '@create lamp');
    expect((await world.run('Prog', '@verb rub on lamp with "print(1)"')).exitStatus).toBe(0);
    expect((await world.run('Prog', 'rub lamp')).output).toEqual(['1']);
    expect((await world.run('Prog', '@edit rub on lamp with "print(2)"')).exitStatus).toBe(0);
    expect((await world.run('Prog', '@list rub on lamp')).output).toEqual(['   1  print(2)']);
    expect((await world.run('Prog', '@show lamp')).output).toContain('Verb rub');
    expect((await world.run('Prog', '@chmod deny everyone execute on lamp:rub')).output).toEqual(['Done.']);
    expect((await world.run('Prog', 'rub lamp')).output[0]).toMatch(/not allowed to 'execute'/);
    expect((await world.run('Prog', '@eval 6 * 7')).output).toEqual(['=> 42']);
  });

  it('reeve moo run gives the output and the exit status of a command', async () => {
    await world.worker.stop();
    expect(reeve('run', 'look', '--as', 'Wizard')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^Lobby\n/),
    });
    expect(reeve('run', 'fly', '--as', 'Wizard')).toMatchObject({
      status: 1,
      stdout: `[error] I don't know how to do that.\n`,
    });
    expect(reeve('run', ';6*7', '--as', 'Wizard')).toMatchObject({ status: 0, stdout: '=> 42\n' });
    const unknown = reeve('run', 'look', '--as', 'Wizzard');
    expect(unknown.status).not.toBe(0);
    expect(unknown.stderr).toMatch(/no player "Wizzard".*Wizard/);
  }, 120_000);

  it('without a binary of isolated-vm a worker says so at start and serves the other queues', async () => {
    await world.worker.stop();
    const copy = await mkdtemp(path.join(tmpdir(), 'reeve-no-sandbox-'));
    try {
      for (const name of ['src', 'world', 'package.json'])
        await cp(path.join(root, name), path.join(copy, name), { recursive: true });
      await mkdir(path.join(copy, 'node_modules'));
      for (const name of await readdir(path.join(root, 'node_modules'))) {
        if (name === 'isolated-vm' || name === '.bin') continue;
        await symlink(path.join(root, 'node_modules', name), path.join(copy, 'node_modules', name));
      }
      const program = `
        import { DataSource } from 'typeorm';
        import { defineReeve } from './src/index.ts';
        const reeve = defineReeve({ dataSource: new DataSource({ type: 'postgres', url: process.env.TEST_URL, installExtensions: false }), verbs: {} });
        await reeve.startWorker();
        const { queues } = await reeve.status();
        console.log(JSON.stringify(queues));
        await reeve.startWorker({ queues: ['verbs'] }).catch((error) => console.log(error.code));
        await reeve.close(); await reeve.options.dataSource.destroy();`;
      await writeFile(path.join(copy, 'start.ts'), program);
      const { stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'start.ts'], {
        cwd: copy,
        env: { ...process.env, TEST_URL: world.bundle.url },
        encoding: 'utf8',
        timeout: 60_000,
      });
      expect(stderr + stdout).toMatch(
        /"event":"sandbox.unavailable".*queue \\"verbs\\" is not served by this worker: verbs cannot run here: isolated-vm is not installed/,
      );
      const queues = JSON.parse(/^\[\{"name".*$/m.exec(stdout)?.[0] ?? '[]') as { name: string; workers: number }[];
      expect(queues.map(({ name, workers }) => [name, workers])).toEqual([
        ['background', 1],
        ['heavy', 1],
        ['tasks', 1],
        ['verbs', 0],
      ]);
      expect(stdout).toMatch(/SANDBOX_UNAVAILABLE/);
    } finally {
      await rm(copy, { recursive: true });
    }
  }, 120_000);
});
