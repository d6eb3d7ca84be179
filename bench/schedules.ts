/**
 * What a beat costs: 1,000 due times a minute among 1,000 schedules and among 100,000.
 *
 * `npm run bench:schedules` starts a PostgreSQL of its own; BENCH_DATABASE_URL names another (a database that may be
 * filled). BENCH_SECONDS is the length of each measurement, 60 by default. It prints, for each size, the beat's CPU as
 * a share of one core at that pace, the lateness, and the cost of a fire when 1,000 are due at once; and their ratio.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { createLogger, defineReeve, defineTask, startEmbeddedPostgres, type Reeve } from '../src/index.ts';

const seconds = Number(process.env['BENCH_SECONDS'] ?? '60');
const sizes = [1_000, 100_000] as const;
const perMinute = 1_000;
const burst = 1_000;
const bursts = 5;

interface Measurement {
  readonly schedules: number;
  readonly fires: number;
  readonly cpuShare: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly burstCpuMs: number;
  readonly burstWallMs: number;
}

async function measure(url: string, schedules: number): Promise<Measurement> {
  const dataSource = new DataSource({ type: 'postgres', url, installExtensions: false });
  await dataSource.initialize();
  await dataSource.query('DROP SCHEMA IF EXISTS reeve CASCADE');
  await dataSource.query('DROP SCHEMA IF EXISTS reeve_broker CASCADE');
  const tick = defineTask({ name: 'tick', run: () => null });
  const reeve = defineReeve({ dataSource, tasks: [tick], logger: createLogger('silent') });
  await reeve.migrate();
  await fill(reeve, dataSource, schedules);
  await reeve.startBeat();
  await pause(3_000);
  const [since] = await dataSource.query<{ at: Date }[]>('SELECT now() AS at');
  const steady = await during(dataSource, () => pause(seconds * 1_000));
  const [lateness] = await dataSource.query<{ p50: number; p99: number }[]>(
    `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY late) AS p50,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY late) AS p99
     FROM (SELECT (extract(epoch FROM fired_at - due_at) * 1000)::float8 AS late FROM reeve.schedule_fire WHERE due_at > $1) AS l`,
    [since?.at],
  );
  const sudden = { fires: 0, cpuMs: 0, wallMs: 0 };
  for (let count = 0; count < bursts; count += 1) {
    const dueAt = await makeDue(dataSource);
    const { fires, cpuMs } = await during(dataSource, () => untilFired(dataSource));
    // From the first to the last one: how soon the beat looked is not their cost.
    const [took] = await dataSource.query<{ ms: number }[]>(
      `SELECT (extract(epoch FROM max(fired_at) - min(fired_at)) * 1000)::float8 AS ms FROM reeve.schedule_fire
       WHERE due_at = $1`,
      [dueAt],
    );
    sudden.fires += fires;
    sudden.cpuMs += cpuMs;
    sudden.wallMs += took?.ms ?? 0;
  }
  await reeve.close();
  await dataSource.destroy();
  return {
    schedules,
    fires: steady.fires,
    cpuShare: steady.cpuMs / steady.wallMs,
    p50Ms: lateness?.p50 ?? 0,
    p99Ms: lateness?.p99 ?? 0,
    burstCpuMs: sudden.cpuMs / sudden.fires,
    burstWallMs: sudden.wallMs / sudden.fires,
  };
}

/** Copies of one schedule that was made in the ordinary way, their due times spread evenly over their period. */
async function fill(reeve: Reeve, dataSource: DataSource, schedules: number): Promise<void> {
  const everyMs = (schedules / perMinute) * 60_000;
  await reeve.schedules.create({ name: 's0', target: 'tick', every: everyMs, overlap: 'allow' });
  await dataSource.query(
    `INSERT INTO reeve.schedule
     SELECT copy.* FROM reeve.schedule AS s, generate_series(1, $1::integer - 1) AS n,
       jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), 'name', 's' || n,
         'created_at', s.created_at - n * $2::float8 / $1 * interval '1 millisecond',
         'next_due_at', s.next_due_at - n * $2::float8 / $1 * interval '1 millisecond')) AS copy`,
    [schedules, everyMs],
  );
  await dataSource.query('ANALYZE reeve.schedule');
}

/** Makes 1,000 schedules due at one instant; answers which. */
async function makeDue(dataSource: DataSource): Promise<Date> {
  const [now] = await dataSource.query<{ at: Date }[]>(`SELECT date_trunc('milliseconds', now()) AS at`);
  const at = now?.at ?? new Date();
  await dataSource.query(
    `UPDATE reeve.schedule SET created_at = created_at - (next_due_at - $2::timestamptz), next_due_at = $2 WHERE id IN (
       SELECT id FROM reeve.schedule WHERE next_due_at > now() + interval '5 seconds' ORDER BY next_due_at LIMIT $1)`,
    [burst, at],
  );
  return at;
}

async function untilFired(dataSource: DataSource): Promise<void> {
  for (let due = 1; due > 0; await pause(50)) {
    const rows = await dataSource.query<unknown[]>('SELECT 1 FROM reeve.schedule WHERE next_due_at <= now() LIMIT 1');
    due = rows.length;
  }
}

async function during(dataSource: DataSource, work: () => Promise<void>) {
  const count = async (): Promise<number> => {
    const rows = await dataSource.query<{ n: number }[]>('SELECT count(*)::integer AS n FROM reeve.schedule_fire');
    return rows[0]?.n ?? 0;
  };
  const before = await count();
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work();
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return { fires: (await count()) - before, wallMs, cpuMs: (user + system) / 1_000 };
}

async function withDatabase(work: (url: string) => Promise<void>): Promise<void> {
  const given = process.env['BENCH_DATABASE_URL'];
  if (given !== undefined) return work(given);
  const folder = await mkdtemp(join(tmpdir(), 'reeve-bench-'));
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), persistent: false });
  try {
    await work(server.url);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

await withDatabase(async (url) => {
  const found: Measurement[] = [];
  for (const size of sizes) {
    const measurement = await measure(url, size);
    found.push(measurement);
    const { schedules, fires, cpuShare, p50Ms, p99Ms, burstCpuMs, burstWallMs } = measurement;
    process.stdout.write(
      `${schedules} schedules, ${fires} fires in ${seconds} s: beat ${(cpuShare * 100).toFixed(1)} % of a core, ` +
        `lateness p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms; ` +
        `${burst} at once: ${burstCpuMs.toFixed(2)} ms CPU and ${burstWallMs.toFixed(2)} ms each\n`,
    );
  }
  const [few, many] = found;
  if (few === undefined || many === undefined) return;
  process.stdout.write(
    `ratio of ${sizes[1]} to ${sizes[0]}: CPU at the same pace ${(many.cpuShare / few.cpuShare).toFixed(2)}, ` +
      `CPU for each fire ${(many.burstCpuMs / few.burstCpuMs).toFixed(2)}, time for each fire ${(many.burstWallMs / few.burstWallMs).toFixed(2)}\n`,
  );
});
