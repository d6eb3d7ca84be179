/**
 * Does a step of a long plan cost more than one of a short plan? The same number of steps as one plan of 2,000 and as
 * plans of 20, in turns in one run, on an embedded PostgreSQL with its broker. `npm run bench:plan-size [-- --json FILE]`.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { createLogger, defineExecutor, defineReeve, defineTask, startEmbeddedPostgres } from '../src/index.ts';

const totalSteps = 2_000;
const rounds = 3;

const none = defineTask({ name: 'none', run: () => null });
const chainOf = defineExecutor({
  name: 'chain',
  input: z.object({ steps: z.number() }),
  plan: (p, { steps }) =>
    p.each(
      Array.from({ length: steps }, (_, index) => index),
      (q) => q.run(none),
    ),
});

const { values } = parseArgs({ options: { json: { type: 'string' } } });
const folder = await mkdtemp(join(tmpdir(), 'reeve-bench-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data') });
const dataSource = new DataSource({ type: 'postgres', url: postgres.url, entities: [], installExtensions: false });
const reeve = defineReeve({ dataSource, executors: [chainOf], tasks: [none], logger: createLogger('silent') });
try {
  await reeve.migrate();
  await reeve.startWorker({ queues: { tasks: 1 } });
  const msPerStep = { short: [] as number[], long: [] as number[] };
  await run(20, 5);
  for (let round = 0; round < rounds; round += 1) {
    msPerStep.long.push((await run(totalSteps, 1)) / totalSteps);
    msPerStep.short.push((await run(20, totalSteps / 20)) / totalSteps);
  }
  const [long, short] = [median(msPerStep.long), median(msPerStep.short)];
  const ratio = long / short;
  const row = {
    question: 'step of a plan of 2,000 against one of 20',
    ours: long,
    peer: short,
    ratio,
    goal: 1,
    met: ratio <= 1.05,
  };
  process.stdout.write(
    `a step in a plan of 2,000: ${long.toFixed(2)} ms, in a plan of 20: ${short.toFixed(2)} ms, ratio ${ratio.toFixed(2)} (medians of ${rounds})\n`,
  );
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify([row], null, 2)}\n`);
} finally {
  await reeve.close();
  await dataSource.destroy();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}

/** Milliseconds for executions of so many steps, one after another. */
async function run(steps: number, executions: number): Promise<number> {
  const startedAt = performance.now();
  for (let index = 0; index < executions; index += 1) {
    const { executionId } = await reeve.execute(chainOf, { steps });
    await reeve.result(executionId, { timeout: '10m' });
  }
  return performance.now() - startedAt;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
