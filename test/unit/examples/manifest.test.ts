import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { checkManifest, readManifest } from '../../../examples/provision/manifest.ts';

const head = 'server: { name: main, adminUrlFrom: DATABASE_URL }\ndatabases:\n';

function problemsOf(text: string): string[] {
  return checkManifest(text).problems.map(({ line, text: words }) => `${line}: ${words}`);
}

describe('the manifest of the demo', () => {
  it('is accepted, with the line of each database', async () => {
    const file = 'examples/provision/databases.yaml';
    const manifest = await readManifest(file);
    expect(manifest.databases.length).toBeGreaterThanOrEqual(12);
    expect(manifest.lines).toHaveLength(manifest.databases.length);
    const followUps = manifest.databases.flatMap(({ afterwards }) => afterwards.flatMap((item) => Object.keys(item)));
    expect(new Set(followUps)).toEqual(new Set(['resize', 'rename', 'delete']));
    expect(manifest.databases.filter((database) => database.expect === 'erred')).toHaveLength(1);
  });
});

describe('a wrong manifest', () => {
  it.each([
    [
      'an unknown key, with the nearest known one',
      '  - name: a\n    conectionLimit: 3',
      '4: databases[0] has the unknown key "conectionLimit" (did you mean "connectionLimit"?)',
    ],
    [
      'an unknown key in a nested map',
      '  - name: a\n    afterwards:\n      - rename: { to: b, too: c }',
      '5: databases[0].afterwards[0].rename has the unknown key "too" (did you mean "to"?)',
    ],
    [
      'a name twice',
      '  - name: a\n  - name: b\n  - name: a',
      '5: the database "a" is named twice, first in databases[0]',
    ],
    [
      'a name that a rename takes',
      '  - name: a\n  - name: b\n    afterwards: [{ rename: { to: a } }]',
      '5: the database "a" is named twice, first in databases[0]',
    ],
    [
      'an owner twice',
      '  - { name: a, owner: x }\n  - { name: b, owner: x }',
      '4: the owner role "x" is named twice, first in databases[0]',
    ],
    ['an empty name', '  - name: ""', '3: database name "" is empty; give it a name'],
    ['no name', '  - owner: x', '3: databases[0].name is missing'],
    ['a name that is a number', '  - name: 12', '3: databases[0].name is 12; write a text, in quotes'],
    [
      'a name that is too long',
      `  - name: ${'ü'.repeat(32)}`,
      '3: database name "üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü" has 64 bytes',
    ],
    ['a reserved prefix', '  - name: pg_x', '3: database name "pg_x" begins with "pg_"'],
    ['a reserved name', '  - name: template1', '3: database name "template1" is reserved'],
    [
      'the name that the demo uses',
      '  - name: reeve_demo',
      '3: database name "reeve_demo" is what the demo itself uses',
    ],
    [
      'something after a deletion',
      '  - name: a\n    afterwards:\n      - delete: true\n      - resize: { connectionLimit: 3 }',
      '6: "resize" comes after the deletion',
    ],
    [
      'two operations in one item',
      '  - name: a\n    afterwards: [{ delete: true, rename: { to: b } }]',
      '4: this item names rename and delete at once',
    ],
    ['an item without an operation', '  - name: a\n    afterwards: [{}]', '4: this item names nothing to do'],
    [
      'a negative limit',
      '  - name: a\n    connectionLimit: -1',
      '4: databases[0].connectionLimit is -1; write a whole number from 1',
    ],
    [
      'a fraction as a limit',
      '  - name: a\n    connectionLimit: 1.5',
      '4: databases[0].connectionLimit is 1.5; write a whole number',
    ],
    [
      'a text as a limit',
      '  - name: a\n    connectionLimit: many',
      '4: databases[0].connectionLimit is "many"; write a whole number',
    ],
    [
      'a limit without a value',
      '  - name: a\n    connectionLimit:',
      '4: databases[0].connectionLimit is empty; write a whole number',
    ],
    [
      'a grant to nobody',
      '  - name: a\n    grants: [{ to: b, privileges: [CONNECT] }]',
      '4: grants go to the owner of a database further up, and "b" is none',
    ],
    [
      'a grant to itself',
      '  - name: a\n    grants: [{ to: a, privileges: [CONNECT] }]',
      '4: the role "a" owns this database',
    ],
    [
      'an unknown privilege',
      '  - name: a\n  - name: b\n    grants: [{ to: a, privileges: [SELECT] }]',
      '5: databases[1].grants[0].privileges[0] is "SELECT"; write CONNECT or CREATE or TEMPORARY',
    ],
    ['a key twice', '  - name: a\n    owner: x\n    owner: y', '5: the key "owner" is there twice'],
    ['an item that is empty', '  - name: a\n  -', '4: databases[1] is empty; write keys with values'],
    ['a list that is none', '  - name: a\n    grants: 3', '4: databases[0].grants is 3; write a list'],
  ])('with %s is refused with its line', (_what, databases, problem) => {
    expect(problemsOf(`${head}${databases}\n`)).toEqual([expect.stringContaining(problem)]);
  });

  it.each([
    ['no text', '', ['1: the manifest is empty; write keys']],
    ['a list', '- a\n', ['1: the manifest is a list; write keys']],
    [
      'no database',
      'server: { name: main, adminUrlFrom: X }\ndatabases: []\n',
      ['2: databases is an empty list; list at least one'],
    ],
    ['broken YAML', 'server: {\n  name: [main\n', ['3: this is not valid YAML', '3: this is not valid YAML']],
    [
      'a second document',
      `${head}  - name: a\n---\na: 1\n`,
      ['4: this is not valid YAML: Source contains multiple documents'],
    ],
    [
      'anchors and aliases',
      'server: &x { name: main }\ndatabases: *x\n',
      ['1: the anchor &x is not allowed', '2: the alias *x is not allowed'],
    ],
    ['a tag', `${head}  - name: !secret a\n`, ['3: this is not valid YAML: Unresolved tag']],
    ['a __proto__ key', `${head}  - name: a\n    __proto__: { owner: x }\n`, ['4: the key "__proto__" is not allowed']],
    [
      'a constructor key',
      `${head}  - name: a\n    constructor: x\n`,
      ['4: databases[0] has the unknown key "constructor"'],
    ],
  ])('with %s is refused', (_what, text, problems) => {
    expect(problemsOf(text)).toEqual(problems.map((problem) => expect.stringContaining(problem)));
  });

  it('never shows a URL that was written where a name belongs', () => {
    const text = 'server: { name: main, adminUrlFrom: "postgres://u:topsecret@h/d" }\ndatabases: [{ name: a }]\n';
    const problems = problemsOf(text);
    expect(problems).toEqual([
      expect.stringContaining('1: server.adminUrlFrom is not the name of an environment variable'),
    ]);
    expect(problems.join()).not.toContain('topsecret');
  });

  it('tells everything that is wrong at once, by line, as file:line', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reeve-manifest-'));
    const file = join(folder, 'databases.yaml');
    await writeFile(file, `${head}  - name: a\n    nam: x\n  - name: a\n    connectionLimit: 0\n    owner: pg_x\n`);
    const error: unknown = await readManifest(file).catch((thrown: unknown) => thrown);
    await rm(folder, { recursive: true });
    expect(error).toMatchObject({
      code: 'MANIFEST_INVALID',
      details: {
        problems: [
          `${file}:4: databases[0] has the unknown key "nam" (did you mean "name"?)`,
          `${file}:5: the database "a" is named twice, first in databases[0]`,
          expect.stringContaining(`${file}:6: databases[1].connectionLimit is 0`),
          expect.stringContaining(`${file}:7: role name "pg_x" begins with "pg_"`),
        ],
      },
    });
  });

  it.each([
    ['is not there', async () => undefined, 'there is no such file'],
    ['is not UTF-8', (file: string) => writeFile(file, Buffer.from([0x61, 0xff])), 'the file is not UTF-8 text'],
    ['is huge', (file: string) => writeFile(file, '#'.repeat(1_000_001)), 'the file is larger than'],
    [
      'is nested deeply',
      (file: string) => writeFile(file, '['.repeat(50_000) + ']'.repeat(50_000)),
      'nested too deeply',
    ],
  ])('that %s is refused', async (_what, make, words) => {
    const folder = await mkdtemp(join(tmpdir(), 'reeve-manifest-'));
    const file = join(folder, 'databases.yaml');
    await make(file);
    await expect(readManifest(file)).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringContaining(`${file}:1: `),
      details: { problems: [expect.stringContaining(words)] },
    });
    await rm(folder, { recursive: true });
  });

  it('is refused as a folder', async () => {
    await expect(readManifest('examples')).rejects.toThrow('examples:1: this is a folder, not a file');
  });
});
