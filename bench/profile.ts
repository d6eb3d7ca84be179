/**
 * Where the time of a step goes: a worker under the chain load, sampled by V8's profiler, and the processor time of the
 * servers beside it. `npm run bench:profile [-- --chains 500 --broker redis --flame FILE]`.
 */
import { writeFile } from 'node:fs/promises';
import { Session, type Profiler } from 'node:inspector/promises';
import { parseArgs } from 'node:util';
import { DataSource } from 'typeorm';
import { createLogger, defineExecutor, defineReeve, defineTask } from '../src/index.ts';
import { cpuUse, type CpuUse } from './cpu-use.ts';
import { flameGraph, partsOf, stacksOf } from './flame.ts';
import { startServers } from './servers.ts';

const { values } = parseArgs({
  options: {
    chains: { type: 'string', default: '500' },
    broker: { type: 'string', default: 'redis' },
    flame: { type: 'string' },
  },
});
const chains = Number(values.chains);
const length = 10;
const none = defineTask({ name: 'none', run: () => null });
const chain = defineExecutor({
  name: 'chain',
  plan: (p) =>
    p.each(
      Array.from({ length }, (_, index) => index),
      (q) => q.run(none),
    ),
});

await using servers = await startServers();
const dataSource = new DataSource({
  type: 'postgres',
  url: await servers.database(),
  entities: [],
  installExtensions: false,
});
const reeve = defineReeve({
  dataSource,
  redis: values.broker === 'redis' && servers.hasRedis ? servers.redisUrl : undefined,
  executors: [chain],
  tasks: [none],
  queues: { tasks: { concurrency: 50 } },
  logger: createLogger('silent'),
});
try {
  await reeve.migrate();
  await reeve.startWorker({ queues: ['tasks'] });
  await run();
  await run();
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 250 });
  const before = cpuUse();
  const begun = performance.now();
  await session.post('Profiler.start');
  await run();
  const { profile } = await session.post('Profiler.stop');
  report(profile, performance.now() - begun, before);
  if (values.flame !== undefined) await writeFile(values.flame, flameGraph(stacksOf(profile)));
} finally {
  await reeve.close();
  if (dataSource.isInitialized) await dataSource.destroy();
}

async function run(): Promise<void> {
  const started = await Promise.all(Array.from({ length: chains }, () => reeve.execute(chain)));
  await Promise.all(started.map(({ executionId }) => reeve.result(executionId, { timeout: '10m' })));
}

/** Milliseconds for each step, processor time. */
function report(profile: Profiler.Profile, wallMs: number, before: CpuUse): void {
  const steps = chains * length;
  const after = cpuUse();
  const own = after.own - before.own;
  const parts = partsOf(stacksOf(profile));
  const sampled = [...parts.values()].reduce((sum, ms) => sum + ms, 0);
  process.stdout.write(`${steps} steps in ${wallMs.toFixed(0)} ms: ${((steps * 1_000) / wallMs).toFixed(0)} steps/s\n`);
  const line = (what: string, ms: number): void => {
    process.stdout.write(`  ${what}: ${(ms / steps).toFixed(4)} ms of processor time for each step\n`);
  };
  line('PostgreSQL', after.postgres - before.postgres);
  line('Redis', after.redis - before.redis);
  line('this process', own);
  for (const [part, ms] of [...parts].toSorted((a, b) => b[1] - a[1])) line(`  of it ${part}`, (ms / sampled) * own);
}
