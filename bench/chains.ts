/**
 * How many steps of chains a worker does in a second, and how long a lone chain takes: ours with and without continuation
 * and group commit, beside BullMQ alone (each job adds the next; what it knows dies with its broker), in turns in one run.
 * `npm run bench:chains [-- --chains 200 --rounds 5 --json FILE]`. Durable commits; Redis where REDIS_URL names one.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { DataSource } from 'typeorm';
import {
  createLogger,
  defineExecutor,
  defineReeve,
  defineTask,
  startEmbeddedPostgres,
  type ReeveOptions,
} from '../src/index.ts';

const { values } = parseArgs({
  options: { chains: { type: 'string' }, rounds: { type: 'string' }, json: { type: 'string' } },
});
const chains = Number(values.chains ?? 200);
const rounds = Number(values.rounds ?? 5);
const length = 10;
const concurrency = 50;
const redisUrl = process.env['REDIS_URL'];

/** Something that runs chains. */
interface Contender {
  readonly name: string;
  /** Milliseconds for so many chains that are started at once, until the last one has ended. */
  readonly run: (count: number) => Promise<number>;
  readonly stop: () => Promise<void>;
}

const none = defineTask({ name: 'none', run: () => null });
const chain = defineExecutor({
  name: 'chain',
  plan: (p) =>
    p.each(
      Array.from({ length }, (_, index) => index),
      (q) => q.run(none),
    ),
});

const folder = await mkdtemp(join(tmpdir(), 'reeve-bench-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data') });

async function ours(name: string, schema: string, options: Partial<ReeveOptions>): Promise<Contender> {
  const dataSource = new DataSource({ type: 'postgres', url: postgres.url, entities: [], installExtensions: false });
  const logger = createLogger('silent');
  const queues = { tasks: { concurrency } };
  const reeve = defineReeve({ dataSource, schema, executors: [chain], tasks: [none], queues, logger, ...options });
  await reeve.migrate();
  await reeve.startWorker({ queues: ['tasks'] });
  return {
    name,
    async run(count) {
      const begun = performance.now();
      const started = await Promise.all(Array.from({ length: count }, () => reeve.execute(chain)));
      await Promise.all(started.map(({ executionId }) => reeve.result(executionId, { timeout: '10m' })));
      return performance.now() - begun;
    },
    async stop() {
      await reeve.close();
      if (dataSource.isInitialized) await dataSource.destroy();
    },
  };
}

async function bullmq(url: string): Promise<Contender> {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const name = `bench-${randomUUID()}`;
  const queue = new Queue(name, { connection });
  const ended = new Map<string, () => void>();
  const worker = new Worker<{ id: string; step: number }>(
    name,
    async ({ data: { id, step } }) => {
      if (step < length) await queue.add('step', { id, step: step + 1 }, { removeOnComplete: true });
      else ended.get(id)?.();
    },
    { connection: connection.duplicate(), concurrency },
  );
  await worker.waitUntilReady();
  return {
    name: 'BullMQ on Redis, each job adds the next',
    async run(count) {
      const begun = performance.now();
      const ids = Array.from({ length: count }, () => randomUUID());
      const all = ids.map((id) => new Promise<void>((resolve) => ended.set(id, resolve)));
      await queue.addBulk(ids.map((id) => ({ name: 'step', data: { id, step: 1 }, opts: { removeOnComplete: true } })));
      await Promise.all(all);
      return performance.now() - begun;
    },
    async stop() {
      await worker.close();
      await queue.obliterate({ force: true });
      await queue.close();
      connection.disconnect();
    },
  };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

const contenders: Contender[] = [];
const rows: object[] = [];
try {
  contenders.push(
    await ours('PostgreSQL broker', 'own_all', {}),
    await ours('PostgreSQL broker, a job for each step', 'own_jobs', { continuation: false }),
    await ours('PostgreSQL broker, no group commit', 'own_alone', { groupCommit: false }),
    await ours('PostgreSQL broker, neither', 'own_none', { continuation: false, groupCommit: false }),
  );
  if (redisUrl !== undefined) {
    contenders.push(
      await ours('Redis broker', 'redis_all', { redis: redisUrl }),
      await ours('Redis broker, a job for each step', 'redis_jobs', { redis: redisUrl, continuation: false }),
      await ours('Redis broker, neither', 'redis_none', { redis: redisUrl, continuation: false, groupCommit: false }),
      await bullmq(redisUrl),
    );
  }
  const measured = new Map(contenders.map(({ name }) => [name, { rate: [] as number[], lone: [] as number[] }]));
  for (const { run } of contenders) await run(chains);
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, run } of contenders) {
      const figures = measured.get(name);
      figures?.rate.push((chains * length * 1_000) / (await run(chains)));
      const lone: number[] = [];
      for (let n = 0; n < 10; n += 1) lone.push(await run(1));
      figures?.lone.push(median(lone));
    }
  }
  process.stdout.write(
    `Node ${process.version}, ${cpus().length} cores, ${chains} chains of ${length}, concurrency ${concurrency}, fsync on, medians of ${rounds} (least–most)\n`,
  );
  const range = (of: readonly number[], digits: number): string =>
    `${median(of).toFixed(digits)} (${Math.min(...of).toFixed(digits)}–${Math.max(...of).toFixed(digits)})`;
  for (const [name, { rate, lone }] of measured) {
    process.stdout.write(`${name}: ${range(rate, 0)} steps/s, a lone chain ${range(lone, 1)} ms\n`);
    rows.push({ name, stepsPerSecond: median(rate), loneChainMs: median(lone) });
  }
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(rows, null, 2)}\n`);
} finally {
  for (const contender of contenders) await contender.stop();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
