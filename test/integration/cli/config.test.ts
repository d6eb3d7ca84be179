import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { fixtureApp, reeveJson, runReeve } from './reeve-process.ts';

const appModule = pathToFileURL(join(fixtureApp, 'app.ts')).href;
const reeveModule = new URL('../../../src/index.ts', import.meta.url).href;
const packages = fileURLToPath(new URL('../../../node_modules', import.meta.url));

/** A project of its own; `folder` is where its config is. */
async function makeProject(files: Readonly<Record<string, string>>): Promise<AsyncDisposable & { folder: string }> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'reeve-cli-config-')));
  await symlink(packages, join(folder, 'node_modules'));
  for (const [name, text] of Object.entries({ 'package.json': '{ "type": "module" }', ...files })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

async function listed(files: Readonly<Record<string, string>>, args: readonly string[] = []): Promise<unknown> {
  await using project = await makeProject(files);
  return await reeveJson(['list', 'queues', ...args], { cwd: project.folder });
}

async function refusal(files: Readonly<Record<string, string>>): Promise<string> {
  await using project = await makeProject(files);
  const { exitCode, stderr } = await runReeve(['list'], { cwd: project.folder });
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^error CONFIGURATION_INVALID: /);
  return stderr;
}

const queues = expect.arrayContaining([{ name: 'tasks', concurrency: 10, isolation: null }]);

describe('the config of an app', () => {
  it.each([
    ['reeve.config.ts', `import { makeApp } from '${appModule}';\nexport default makeApp({});`],
    ['reeve.config.js', `import { makeApp } from '${appModule}';\nexport default () => makeApp({});`],
    ['reeve.config.mjs', `import { makeApp } from '${appModule}';\nexport default Promise.resolve(makeApp({}));`],
    ['other.ts', `import { makeApp } from '${appModule}';\nexport default async () => makeApp({});`],
  ])('is found and loaded from %s, also when it gives a promise or a function', async (name, text) => {
    const args = name === 'other.ts' ? ['-A', name] : [];
    expect(await listed({ [name]: text }, args)).toEqual(queues);
  });

  it('may be CommonJS, as in projects without "type": "module"', async () => {
    const config = `const { makeApp } = require(${JSON.stringify(join(fixtureApp, 'app.ts'))});\nmodule.exports = makeApp({});`;
    expect(await listed({ 'package.json': '{}', 'reeve.config.js': config })).toEqual(queues);
  });

  it('is taken from REEVE_APP, and rather from -A', async () => {
    const config = `import { makeApp } from '${appModule}';\nexport default makeApp({});`;
    await using project = await makeProject({ 'apps/one.ts': config, 'apps/reeve.config.ts': config });
    const run = (app: string, ...args: string[]) =>
      runReeve(['list', ...args], { cwd: project.folder, environment: { REEVE_APP: app } });
    expect(await run('apps/one.ts')).toMatchObject({ exitCode: 0 });
    expect(await run('apps')).toMatchObject({ exitCode: 0 });
    expect(await run('nothing.ts')).toMatchObject({ exitCode: 2 });
    expect(await run('nothing.ts', '-A', 'apps/one.ts')).toMatchObject({ exitCode: 0 });
  });

  it('gives decorated entities their column types, relations between files and JSDoc with @tags included', async () => {
    const column = `import { Column, Entity, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';`;
    const config = `
      import { DataSource, getMetadataArgsStorage } from 'typeorm';
      import { defineReeve } from '${reeveModule}';
      import { Server } from './server.ts';
      import { Site } from './site.ts';
      const types = getMetadataArgsStorage().columns.map(({ propertyName, options }) => propertyName + ':' + options.type.name);
      const names = [...types, getMetadataArgsStorage().relations[0].type().name];
      export default defineReeve({
        dataSource: new DataSource({ type: 'postgres', entities: [Server, Site] }),
        queues: Object.fromEntries(names.map((name) => [name.replace(':', '-'), {}])),
      });`;
    const names = await listed({
      'reeve.config.ts': config,
      'site.ts': `${column}\n/** @see nothing */\n@Entity() export class Site { @PrimaryGeneratedColumn() id!: number; }`,
      'server.ts': `${column}\nimport { Site } from './site.ts';\n@Entity()\nexport class Server {
        @PrimaryGeneratedColumn() id!: number;
        @Column() bornAt!: Date;
        @ManyToOne(() => Site) site!: Site;
      }`,
    });
    const found = (names as { name: string }[]).map(({ name }) => name);
    expect(found).toEqual(expect.arrayContaining(['id-Number', 'bornAt-Date', 'Site']));
  });

  it.each([
    ['is undefined', 'export default undefined;', 'it is undefined'],
    ['is missing', 'export const reeve = 1;', 'it has none, only exports named reeve'],
    ['is empty', '', 'it exports nothing'],
    ['is a number', 'export default 7;', 'it is 7'],
    ['is a function that gives a text', 'export default () => "text";', 'it is "text"'],
    ['is the options', 'export default { dataSource: {} };', 'pass it to defineReeve'],
    ['is a map', 'export default new Map();', 'it is a Map'],
    ['is another object', 'export default { a: 1, b: 2 };', 'it is an object with a, b'],
  ])('is refused when its default export %s, and says what was found', async (_what, config, words) => {
    expect(await refusal({ 'reeve.config.ts': config })).toContain(words);
  });

  it.each([
    ['throws', 'type A = string;\nconst a: A = "x";\nthrow new Error("no " + a);', /no x\nat reeve\.config\.ts:3$/m],
    ['throws something odd', 'throw { odd: true };', /cannot be loaded/],
    ['has bad syntax', 'const a = 1;\nconst b: string = ;', /at reeve\.config\.ts:2\n/],
    ['uses an enum', '\nexport enum A { b }', /at reeve\.config\.ts:2\n/],
    ['imports what is not there', '\nimport "./nothing.ts";', /nothing\.ts.*\nat reeve\.config\.ts:2$/m],
    [
      'imports a package that is not there',
      '\n\nimport "no-such-package";',
      /no-such-package.*\nat reeve\.config\.ts:3$/m,
    ],
    ['imports a name that is not there', 'import { a } from "./part.ts";', /'a'\nat reeve\.config\.ts:1\n/],
    ['imports bad JavaScript', 'import "./part.js";', /part\.js:2/],
    ['imports a bad decorated class', 'import "./entity.ts";', /entity\.ts:3/],
    ['calls a decorated class that throws', 'import { E } from "./good.ts";\nE.fail();', /failed\nat good\.ts:6$/m],
    [
      'is wrong for defineReeve',
      `import { defineReeve } from '${reeveModule}';\n\ndefineReeve({});`,
      /dataSource is missing.*\nat reeve\.config\.ts:3$/m,
    ],
  ])('is refused with file and line when it %s', async (_what, config, words) => {
    const told = await refusal({
      'reeve.config.ts': config,
      'part.ts': 'export const b = 1;',
      'part.js': '\nconst = 1;',
      'entity.ts': '@f()\nclass E {\n  const = ;;\n}\nexport {};',
      'good.ts':
        'interface Long { a: string }\nconst f = (_: object): void => {};\n@f\nexport class E {\n  static fail(): Long {\n    throw new Error("failed");\n  }\n}',
    });
    expect(told).toMatch(words);
  });
});
