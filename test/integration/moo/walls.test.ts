import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { VERB_LIMITS } from '../../../src/moo/sandbox/limits.ts';
import { SandboxChild, type SandboxEnded } from '../../../src/moo/sandbox/sandbox-child.ts';
import { launchPlan, type LaunchPlan } from '../../../src/moo/sandbox/walls.ts';
import { testServerUrl } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';

const entry = fileURLToPath(new URL('../../support/escaped-child.ts', import.meta.url));

function planOf(isWalled: boolean): LaunchPlan {
  const plan = launchPlan(entry, isWalled);
  if (plan === undefined) throw new Error('isolated-vm is not installed');
  return plan;
}

/** Runs code outside every isolate, in a child with or without its walls. */
async function escaped(isWalled: boolean, code: string): Promise<unknown> {
  const child = new SandboxChild(planOf(isWalled), VERB_LIMITS, isWalled ? 1 : 0);
  try {
    await child.started();
    child.begin(async () => '{}');
    const answer = await child.run({ frame: 1, owner: '1', code, file: 'x', input: '{}', timeoutMs: 1_000 });
    return answer.t === 'end' ? (JSON.parse(answer.text) as unknown) : answer.message;
  } finally {
    child.kill('retired', 'the test is over');
  }
}

const missing = planOf(true).missing.map(({ wall }) => wall);

/** A wall that this machine cannot give is not tested, and that is said. */
function itBehind(
  wall: 'network' | 'account' | 'limits' | 'permissions',
  title: string,
  test: () => Promise<void>,
): void {
  if (!missing.some((each) => each === wall)) return it(title, test, 60_000);
  process.stderr.write(`\nWALL NOT TESTED: this machine has no wall "${wall}": ${title}\n`);
  return it.skip(title, test);
}

describe('user code that has escaped from its isolate', () => {
  let folder: string;
  let servers: Server[];
  const abstract = `\0reeve-test-${process.pid}`;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'reeve-walls-'));
    servers = [abstract, path.join(folder, 'socket')].map((address) =>
      createServer((socket) => socket.on('error', () => undefined).end('hi')).listen(address),
    );
    await Promise.all(servers.map(async (server) => new Promise((resolve) => server.once('listening', resolve))));
  });
  afterAll(async () => {
    for (const server of servers) server.close();
    await rm(folder, { recursive: true });
  });

  const connect = (options: object): string => `
    const net = require('node:net');
    return new Promise((resolve) => {
      const socket = net.connect(${JSON.stringify(options)});
      socket.setTimeout(700, () => { socket.destroy(); resolve('timeout'); });
      socket.on('connect', () => { socket.destroy(); resolve('connected'); });
      socket.on('error', (error) => resolve('refused: ' + error.code));
    });`;
  const { hostname, port } = new URL(testServerUrl());
  const database = { host: hostname, port: Number(port) };

  itBehind('network', 'S21 reaches no server, neither over TCP nor by name nor over an abstract socket', async () => {
    expect(await escaped(false, connect(database))).toBe('connected');
    expect(await escaped(false, connect({ path: abstract }))).toBe('connected');
    for (const to of [
      database,
      { host: '127.0.0.1', port: 6379 },
      { host: '169.254.169.254', port: 80 },
      { path: abstract },
    ]) {
      expect(await escaped(true, connect(to))).toMatch(
        /^refused: (ENETUNREACH|ECONNREFUSED|EADDRNOTAVAIL|ENOENT|EACCES)$/,
      );
    }
    const lookup = `return require('node:dns').promises.lookup('localhost.example.org').then(() => 'found', (error) => 'refused: ' + error.code)`;
    expect(await escaped(true, lookup)).toMatch(/^refused: /);
  });

  itBehind('account', 'S22 is nobody, with no group and no way back, and opens no socket of others', async () => {
    expect(await escaped(false, connect({ path: path.join(folder, 'socket') }))).toBe('connected');
    expect(await escaped(true, connect({ path: path.join(folder, 'socket') }))).toBe('refused: EACCES');
    expect(
      await escaped(
        true,
        `return [process.getuid(), process.geteuid(), process.getgid(), process.getgroups().length <= 1]`,
      ),
    ).toEqual([65534, 65534, 65534, true]);
    expect(await escaped(true, `process.setuid(0); return process.getuid()`)).toMatch(/^refused: /);
    expect(await escaped(true, `process.kill(process.ppid, 0); return 'may'`)).toMatch(/^refused: .*EPERM/);
  });

  itBehind('permissions', 'S23 loads no code, writes no file, reads none, starts nothing', async () => {
    const addon = fileURLToPath(import.meta.resolve('isolated-vm')).replace(
      'isolated-vm.js',
      `prebuilds/${process.platform}-${process.arch}/isolated-vm.abi${process.versions.modules}.glibc.node`,
    );
    const file = path.join(folder, 'written');
    const attempts: readonly (readonly [name: string, code: string, success: unknown])[] = [
      ['dlopen', `process.dlopen({ exports: {} }, ${JSON.stringify(addon)}); return 'done'`, 'done'],
      ['write', `require('node:fs').writeFileSync(${JSON.stringify(file)}, 'x'); return 'done'`, 'done'],
      ['read', `return require('node:fs').readFileSync('/etc/passwd', 'utf8').length > 0 ? 'done' : 'empty'`, 'done'],
      [
        'sqlite',
        `const { DatabaseSync } = require('node:sqlite'); const db = new DatabaseSync(':memory:'); db.exec("ATTACH '${file}.db' AS f; CREATE TABLE f.t (x)"); return 'done'`,
        'done',
      ],
      [
        'report',
        `return require('node:fs').existsSync(process.report.writeReport('${file}.json')) ? 'done' : 'refused'`,
        'done',
      ],
      ['snapshot', `require('node:v8').writeHeapSnapshot('${file}.heap'); return 'done'`, 'done'],
      ['spawn', `return require('node:child_process').spawnSync('true').status === 0 ? 'done' : 'refused'`, 'done'],
      [
        'worker',
        `return new Promise((ok, no) => { new (require('node:worker_threads').Worker)('1', { eval: true }).on('exit', () => ok('done')).on('error', no); })`,
        'done',
      ],
      ['environment', `return Object.keys(process.env).length === 0 ? 'refused' : 'done'`, 'refused'],
    ];
    for (const [name, code, success] of attempts) {
      expect([name, await escaped(false, code)]).toEqual([name, success]);
      expect([name, await escaped(true, code)]).toEqual([name, expect.stringMatching(/^refused/)]);
    }
    expect((await readdir(folder)).filter((each) => each !== 'socket').toSorted()).toEqual([
      'written',
      'written.db',
      'written.heap',
      'written.json',
    ]);
  });

  it('S25 whatever breaks the protocol is the end of the child, and of nothing else', async () => {
    const attempts: Readonly<Record<string, string>> = {
      'a message of a gigabyte': `const head = Buffer.alloc(4); head.writeUInt32BE(2 ** 30); process.stdout.write(head); process.stdout.write(Buffer.alloc(4096));`,
      'a million messages': `for (let i = 0; i < 1e6; i++) send({ t: 'call', frame: 1, call: i, text: '{}' });`,
      'no JSON': `const head = Buffer.alloc(4); head.writeUInt32BE(3); process.stdout.write(Buffer.concat([head, Buffer.from('{{{')]));`,
      'an unknown kind': `send({ t: 'shout' });`,
      'a prototype': `const body = Buffer.from('{"t":"end","frame":1,"text":"1","__proto__":{"x":1}}'); const head = Buffer.alloc(4); head.writeUInt32BE(body.length); process.stdout.write(Buffer.concat([head, body]));`,
      'the end of a frame that is not open': `send({ t: 'end', frame: 7, text: '1' });`,
      'two ends of a frame': `send({ t: 'end', frame: 1, text: '1' }); send({ t: 'end', frame: 1, text: '2' });`,
      'a call with a wrong number': `send({ t: 'call', frame: 1, call: 5, text: '{}' });`,
      'a second call before the answer': `send({ t: 'call', frame: 1, call: 1, text: '{}' }); send({ t: 'call', frame: 1, call: 2, text: '{}' });`,
      'ready without a reset': `send({ t: 'ready' });`,
      'a second hello': `send({ t: 'hello', walls: [] });`,
    };
    const never = new Promise<string>(() => undefined);
    for (const [what, code] of Object.entries(attempts)) {
      const child = new SandboxChild(planOf(true), VERB_LIMITS, 1);
      await child.started();
      child.begin(() => never);
      const request = {
        frame: 1,
        owner: '1',
        code: `${code} await new Promise(() => {});`,
        file: 'x',
        input: '{}',
        timeoutMs: 1_000,
      };
      child.run(request).catch(() => undefined);
      const reason: SandboxEnded = await child.gone;
      expect([what, reason.cause]).toEqual([what, 'violation']);
      await eventually(() => expect(() => process.kill(child.pid, 0)).toThrow('ESRCH'));
    }
    expect(({} as { x?: number }).x).toBeUndefined();
  }, 60_000);

  itBehind(
    'limits',
    'S27 runs out of descriptors and of memory, and is ended when it works after its answer',
    async () => {
      const open = `const net = require('node:net'); let n = 0; try { for (; n < 5000; n++) await new Promise((ok, no) => net.createServer().on('error', no).listen('\\0fd' + process.pid + n, ok)); } catch {} return n;`;
      expect(await escaped(false, open)).toBe(5_000);
      expect(Number(await escaped(true, open))).toBeLessThan(64);

      const greedy = new SandboxChild(planOf(true), VERB_LIMITS, 1);
      await greedy.started();
      greedy.begin(async () => '{}');
      const filling = `const kept = []; for (;;) { kept.push(Buffer.alloc(8_000_000, 1)); await new Promise((r) => setTimeout(r, 5)); }`;
      greedy
        .run({ frame: 1, owner: '1', code: filling, file: 'x', input: '{}', timeoutMs: 1_000 })
        .catch(() => undefined);
      expect((await greedy.gone).cause).toBe('memory');

      const busy = new SandboxChild(planOf(true), VERB_LIMITS, 1);
      await busy.started();
      busy.begin(async () => '{}');
      const later = `setInterval(() => { const t = Date.now(); while (Date.now() - t < 300); }, 1); return 1`;
      await busy.run({ frame: 1, owner: '1', code: later, file: 'x', input: '{}', timeoutMs: 1_000 });
      await busy.reset().catch(() => undefined);
      expect((await busy.gone).cause).toMatch(/violation/);
    },
  );
});
