import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { VERB_LIMITS } from '../../../src/moo/sandbox/limits.ts';
import { SandboxChild } from '../../../src/moo/sandbox/sandbox-child.ts';
import { launchPlan, type LaunchPlan } from '../../../src/moo/sandbox/walls.ts';
import { testServerUrl } from '../../support/bundle.ts';

const run = promisify(execFile);
const folderOf = (file: string): string => fileURLToPath(new URL(`../../support/${file}`, import.meta.url));
const probe = folderOf('permission-probe.ts');

function walledPlan(): LaunchPlan {
  const plan = launchPlan(folderOf('escaped-child.ts'));
  if (plan === undefined) throw new Error('isolated-vm is not installed');
  return plan;
}

const missing = walledPlan().missing;
type Wall = (typeof missing)[number]['wall'];

describe('F6 a child of Node’s permission model', () => {
  let folder: string;
  let server: ReturnType<typeof createServer>;
  let addon: string;
  const { hostname, port } = new URL(testServerUrl());
  const tcp = { host: hostname, port: Number(port) };
  const socket = (): string => path.join(folder, 'socket');
  const file = (): string => path.join(folder, 'written.db');

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'reeve-f6-'));
    server = createServer((one) => one.on('error', () => undefined).end()).listen(socket());
    await once(server, 'listening');
    // A copy, so that it lies where the child may not read.
    addon = path.join(folder, 'addon.node');
    const prebuilds = path.join(path.dirname(fileURLToPath(import.meta.resolve('isolated-vm'))), 'prebuilds');
    const here = `${process.platform}-${process.arch}`;
    const names = await readdir(path.join(prebuilds, here));
    const fitting = names.find((name) => name.includes(`abi${process.versions.modules}`) && !name.includes('musl'));
    await copyFile(path.join(prebuilds, here, fitting ?? ''), addon);
  });
  afterAll(async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('F6 may connect over TCP and to sockets, end processes, load native code that it may not read, and write a file', async () => {
    const victim = spawn('sleep', ['60']);
    const died = once(victim, 'exit');
    const allowed = `--allow-fs-read=${path.dirname(probe)}`;
    const flags = ['--permission', '--allow-addons', allowed, '--no-warnings', probe];
    const tried = { tcp, socket: socket(), pid: victim.pid, addon, file: file() };
    const { stdout } = await run(process.execPath, [...flags, JSON.stringify(tried)]);
    expect(JSON.parse(stdout)).toEqual({ tcp: 'done', socket: 'done', kill: 'done', dlopen: 'done', sqlite: 'done' });
    expect((await died)[1]).toBe('SIGTERM');
    expect(await readdir(folder)).toContain('written.db');
    await rm(file());
  });

  /** The same from code that has escaped from its isolate, in a child as verbs have it. */
  async function behindOurWalls(code: string): Promise<unknown> {
    const child = new SandboxChild(walledPlan(), VERB_LIMITS, 1);
    try {
      await child.started();
      child.begin(async () => '{}');
      const answer = await child.run({ frame: 1, owner: '1', code, file: 'x', input: '{}', timeoutMs: 2_000 });
      return answer.t === 'end' ? (JSON.parse(answer.text) as unknown) : answer.message;
    } finally {
      child.kill('retired', 'the test is over');
    }
  }

  const reach = (to: object): string => `return new Promise((resolve) => {
    const socket = require('node:net').connect(${JSON.stringify(to)}, () => resolve('done'));
    socket.on('error', (error) => resolve('refused: ' + error.code));
    setTimeout(() => resolve('no answer'), 1_000);
  });`;

  const cases: readonly (readonly [wall: Wall, what: string, code: () => string])[] = [
    ['network', 'connects to no server over TCP', () => reach(tcp)],
    ['account', 'connects to no socket of somebody else', () => reach({ path: socket() })],
    ['account', 'ends no process', () => `process.kill(process.ppid, 'SIGUSR2'); return 'done'`],
    [
      'permissions',
      'loads no native code',
      () => `process.dlopen({ exports: {} }, ${JSON.stringify(addon)}); return 'done'`,
    ],
    [
      'permissions',
      'writes no file by SQLite',
      () => `const { DatabaseSync } = require('node:sqlite');
          new DatabaseSync(':memory:').exec("ATTACH '${file()}' AS f; CREATE TABLE f.t (x)"); return 'done'`,
    ],
  ];

  /** A wall that this machine cannot give is not tested, and that is said. */
  function itBehind(wall: Wall, what: string, test: () => Promise<void>): void {
    const title = `F6 behind our walls it ${what}`;
    const reason = missing.find((each) => each.wall === wall)?.reason;
    if (reason === undefined) return it(title, test);
    process.stderr.write(`\nWALL NOT TESTED: no wall "${wall}" on this machine (${reason}): ${title}\n`);
    it.skip(title, test);
  }

  for (const [wall, what, code] of cases) {
    itBehind(wall, what, async () => {
      expect(await behindOurWalls(code())).toMatch(/^refused: /);
      expect(await readdir(folder)).not.toContain('written.db');
    });
  }

  itBehind('limits', 'could not put a byte into a file that it had open, nor leave its memory in one', async () => {
    const child = new SandboxChild(walledPlan(), VERB_LIMITS, 1);
    try {
      await child.started();
      const limits = await readFile(`/proc/${child.pid}/limits`, 'utf8');
      expect(limits).toMatch(/^Max file size +0 +0 /m);
      expect(limits).toMatch(/^Max core file size +0 +0 /m);
      expect(limits).toMatch(/^Max open files +64 +64 /m);
    } finally {
      child.kill('retired', 'the test is over');
    }
  });
});
