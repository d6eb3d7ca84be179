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
import { cpuUse } from './cpu-use.ts';

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

const rounds = Number(process.env['ROUNDS'] ?? 5);
const players = 20;
const cpu = { own: [] as number[], sandbox: [] as number[], postgres: [] as number[] };

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

/** As a console does: the player is looked up once. */
const avatars = new Map<string, number>();
async function idOf(name: string): Promise<number> {
  const id = avatars.get(name) ?? (await reeve.world.avatar(name)).id;
  avatars.set(name, id);
  return id;
}

async function command(name: string, line: string): Promise<void> {
  const answer = await reeve.world.command(await idOf(name), line);
  if (answer.exitStatus !== 0) throw new Error(`${answer.error?.message} ${answer.output.join('\n')}`);
}

async function latency(line: string): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 40; n += 1) {
    const begun = performance.now();
    await command('Wizard', line);
    times.push(performance.now() - begun);
  }
  return median(times);
}

/** All are sent by one sender, and then waited for. */
async function burst(line: string, commands: number): Promise<void> {
  const ids: string[] = [];
  for (let n = 0; n < commands; n += 1) {
    ids.push((await reeve.world.send(await idOf(`Player${n % players}`), line)).executionId);
  }
  await Promise.all(ids.map(async (id) => reeve.result(id, { timeout: '5m' })));
}

/** Each player types a line when the one before was answered. */
async function conversation(line: string, commands: number): Promise<void> {
  await Promise.all(
    Array.from({ length: players }, async (_, player) => {
      for (let n = 0; n < commands / players; n += 1) await command(`Player${player}`, line);
    }),
  );
}

/** Per second, and the processor time that one took. */
async function rate(commands: number, run: (line: string, commands: number) => Promise<void>): Promise<number> {
  const before = cpuUse();
  const begun = performance.now();
  await run('look', commands);
  const seconds = (performance.now() - begun) / 1_000;
  const after = cpuUse();
  for (const part of ['own', 'sandbox', 'postgres'] as const) {
    cpu[part].push((after[part] - before[part]) / commands);
  }
  return commands / seconds;
}

try {
  await reeve.migrate();
  await reeve.world.init();
  await reeve.startWorker({ queues: ['verbs'] });
  for (let n = 0; n < players; n += 1) await command('Wizard', `@player Player${n}`);
  await reeve.world.code(
    'Wizard',
    `$.player.addVerb('one', 'return 1'); $.player.addVerb('single', 'this.one()'); $.player.addVerb('ten', 'for (let i = 0; i < 10; i++) this.one()')`,
  );
  await latency('look');
  const measured = {
    look: [] as number[],
    single: [] as number[],
    ten: [] as number[],
    burst: [] as number[],
    talk: [] as number[],
  };
  for (let round = 0; round < rounds; round += 1) {
    measured.look.push(await latency('look'));
    measured.single.push(await latency('single'));
    measured.ten.push(await latency('ten'));
    measured.burst.push(await rate(400, burst));
    measured.talk.push(await rate(400, conversation));
  }
  const broker = process.env['REDIS_URL'] === undefined ? 'PostgreSQL' : 'Redis';
  process.stdout.write(`Node ${process.version}, ${cpus().length} cores, ${broker} broker, fsync on\n`);
  report('look, p50 from sending to the answer', measured.look, 'ms');
  report('a verb that calls one other, p50', measured.single, 'ms');
  report('a verb that calls ten others, p50', measured.ten, 'ms');
  process.stdout.write(`ten against one: ${(median(measured.ten) / median(measured.single)).toFixed(2)} ×\n`);
  report(`look by ${players} players, all at once`, measured.burst, 'commands/s');
  report(`look by ${players} players, each after the answer`, measured.talk, 'commands/s');
  report('processor time of a look: this process', cpu.own, 'ms');
  report('processor time of a look: sandbox', cpu.sandbox, 'ms');
  report('processor time of a look: PostgreSQL', cpu.postgres, 'ms');
} finally {
  await reeve.close();
  await dataSource.destroy();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}
