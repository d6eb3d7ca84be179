import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const root = new URL('../../', import.meta.url).pathname;

interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;
/** What the demo takes for the system's temporary folder: whatever it starts would leave a trace here. */
let temporary: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reeve-demo-usage-'));
  temporary = join(folder, 'tmp');
  await mkdir(temporary);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function runDemo(...args: readonly string[]): Promise<Run> {
  const { promise, resolve } = Promise.withResolvers<Run>();
  // An address that nobody listens on: whatever is started with it fails in another way.
  const env = { ...process.env, TMPDIR: temporary, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x', NODE_OPTIONS: '' };
  execFile(process.execPath, ['examples/provision/demo.ts', ...args], { cwd: root, env }, (error, stdout, stderr) => {
    resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
  });
  const run = await promise;
  expect(await readdir(temporary)).toEqual([]);
  return run;
}

const head = 'server: { name: main, adminUrlFrom: DATABASE_URL }\ndatabases:\n';

describe('the command line of the demo', () => {
  it('has a help with its exit codes', async () => {
    const run = await runDemo('--help');
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    for (const word of ['--manifest', '--keep', '--open', '--json', '--verbose', 'DATABASE_URL', 'REDIS_URL', '130']) {
      expect(run.stdout).toContain(word);
    }
  });

  it.each([
    [['--jsom'], 'unknown option --jsom (did you mean "json"?)'],
    [['extra'], '"extra" is not an option'],
    [['--manifest'], '--manifest needs a value'],
    [['--keep', '--json'], '--keep needs a value'],
    [['--json=yes'], '--json takes no value'],
    [['--keep', 'x', '--open', 'y'], '--keep and --open cannot be used together'],
    [['--keep', 'src'], '--keep src: the folder is not empty'],
    [['--open', 'src'], '--open src: no run of the demo kept a server there'],
    [['--manifest', 'nowhere.yaml'], 'nowhere.yaml:1: there is no such file'],
  ])('refuses %j with exit code 2', async (args, words) => {
    expect(await runDemo(...args)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(words) });
  });
});

describe('a wrong manifest', () => {
  const wrong: readonly (readonly [what: string, text: string, line: number, words: string])[] = [
    ['broken YAML', `${head}  - name: [a\n`, 4, 'this is not valid YAML'],
    ['an unknown key', `${head}  - nome: a\n    name: b\n`, 3, '"nome" (did you mean "name"?)'],
    ['a name twice', `${head}  - name: a\n  - name: a\n`, 4, 'is named twice'],
    ['an empty name', `${head}  - name: ''\n`, 3, 'is empty'],
    ['a long name', `${head}  - name: ${'a'.repeat(64)}\n`, 3, 'has 64 bytes'],
    ['a reserved name', `${head}  - name: pg_a\n`, 3, 'begins with "pg_"'],
    [
      'a step after a deletion',
      `${head}  - name: a\n    afterwards: [{ delete: true }, { delete: true }]\n`,
      4,
      'after the deletion',
    ],
    ['a negative limit', `${head}  - name: a\n    connectionLimit: -5\n`, 4, 'is -5'],
    ['an empty list', `${head.trimEnd()} []\n`, 2, 'an empty list'],
    ['a key twice', `${head}  - name: a\n    name: b\n`, 4, 'is there twice'],
    ['an anchor', `${head}  - &a { name: a }\n`, 3, 'the anchor &a'],
    ['a __proto__', `${head}  - { name: a, __proto__: {} }\n`, 3, '"__proto__" is not allowed'],
    ['a wrong type', `${head}  - name: { a: b }\n`, 3, 'is a map; write a text'],
    [
      'a server that is not known',
      'server: { name: x, adminUrlFrom: NOT_SET_HERE }\ndatabases: [{ name: a }]\n',
      1,
      'NOT_SET_HERE, which is not set',
    ],
  ];

  it.each(wrong)('with %s is refused by file and line, and nothing is started', async (what, text, line, words) => {
    const file = join(folder, `${what.replaceAll(' ', '-')}.yaml`);
    await writeFile(file, text);
    const run = await runDemo('--manifest', file);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toContain(`${file}:${line}: `);
    expect(run.stderr).toContain(words);
  });

  it('is told as one JSON object too', async () => {
    const file = join(folder, 'json.yaml');
    await writeFile(file, `${head}  - name: pg_a\n    owner: pg_b\n`);
    const run = await runDemo('--json', '--manifest', file);
    expect(run.exitCode).toBe(2);
    expect(JSON.parse(run.stdout)).toMatchObject({
      error: { code: 'MANIFEST_INVALID' },
      verdict: {
        ok: false,
        exitCode: 2,
        problems: [expect.stringContaining(`${file}:3: `), expect.stringContaining(`${file}:4: `)],
      },
    });
  });
});
