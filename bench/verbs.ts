/**
 * Verb commands per second and their latency: `npm run bench:verbs`. A database of its own with durable commits, the
 * broker of REDIS_URL or PostgreSQL, one worker process, the real queue and the real sandbox.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { DataSource } from 'typeorm';
import { createLogger, defineReeve, startEmbeddedPostgres } from '../src/index.ts';

const dataDir = await mkdtemp(path.join(tmpdir(), 'reeve-bench-verbs-'));
const server = await startEmbeddedPostgres({ dataDir, persistent: false });
const dataSource = new DataSource({ type: 'postgres', url: server.url, installExtensions: false });
const reeve = defineReeve({
  dataSource,
  redis: process.env['REDIS_URL'],
  verbs: {},
  queues: { verbs: { concurrency: Number(process.env['CONCURRENCY'] ?? 4) } },
  logger: createLogger('error'),
});

const rounds = 5;
const players = 20;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Medians of each round, with the least and the greatest. */
function report(what: string, values: readonly number[], unit: string): void {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  process.stdout.write(
    `${what}: ${median(values).toFixed(1)} ${unit} (${least.toFixed(1)}–${most.toFixed(1)}, ${values.length} runs)\n`,
  );
}

async function latency(line: string): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 40; n += 1) {
    const begun = performance.now();
    const answer = await reeve.world.command('Wizard', line);
    if (answer.exitStatus !== 0) throw new Error(answer.output.join('\n'));
    times.push(performance.now() - begun);
  }
  return median(times);
}

async function throughput(line: string, commands: number): Promise<number> {
  const begun = performance.now();
  const ids: string[] = [];
  for (let n = 0; n < commands; n += 1) {
    ids.push((await reeve.world.send(`Player${n % players}`, line)).executionId);
  }
  await Promise.all(ids.map(async (id) => reeve.result(id, { timeout: '5m' })));
  return commands / ((performance.now() - begun) / 1_000);
}

try {
  await reeve.migrate();
  await reeve.world.init();
  await reeve.startWorker({ queues: ['verbs'] });
  for (let n = 0; n < players; n += 1) await reeve.world.command('Wizard', `@player Player${n}`);
  await reeve.world.code(
    'Wizard',
    `$.player.addVerb('one', 'return 1'); $.player.addVerb('single', 'this.one()'); $.player.addVerb('ten', 'for (let i = 0; i < 10; i++) this.one()')`,
  );
  await latency('look');
  const measured = { look: [] as number[], single: [] as number[], ten: [] as number[], rate: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    measured.look.push(await latency('look'));
    measured.single.push(await latency('single'));
    measured.ten.push(await latency('ten'));
    measured.rate.push(await throughput('look', 400));
  }
  const broker = process.env['REDIS_URL'] === undefined ? 'PostgreSQL' : 'Redis';
  process.stdout.write(`Node ${process.version}, ${cpus().length} cores, ${broker} broker, fsync on\n`);
  report('look, p50 from sending to the answer', measured.look, 'ms');
  report('a verb that calls one other, p50', measured.single, 'ms');
  report('a verb that calls ten others, p50', measured.ten, 'ms');
  process.stdout.write(`ten against one: ${(median(measured.ten) / median(measured.single)).toFixed(2)} ×\n`);
  report(`look by ${players} players`, measured.rate, 'commands/s');
} finally {
  await reeve.close();
  await dataSource.destroy();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}
