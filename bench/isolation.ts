/**
 * What a thread and a process for isolated steps cost: their start (the import of the app included), a step in a warm one,
 * and how long an endless loop outlives the order to end. `npm run bench:isolation [-- --starts 10 --steps 500]`.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createLogger, startEmbeddedPostgres } from '../src/index.ts';
import type { IsolatedHost } from '../src/isolation/isolated-side.ts';
import { TaskRegistry } from '../src/executors/task-registry.ts';
import { makeIsolation } from '../src/reeve-isolation.ts';

const { values } = parseArgs({ options: { starts: { type: 'string' }, steps: { type: 'string' } } });
const starts = Number(values.starts ?? 10);
const steps = Number(values.steps ?? 500);

const folder = await mkdtemp(join(tmpdir(), 'reeve-bench-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data') });
process.env['DATABASE_URL'] = postgres.url;
const { default: reeve } = await import('./isolation-app.ts');
const logger = createLogger('silent');
// What waits for a thread or a process does not keep this one alive.
const alive = setInterval(() => undefined, 1_000);

function attempt(task: string): IsolatedHost {
  const step = { executionId: '', position: 0, task, description: task, args: null, results: {}, resourceType: null };
  return { step, engine: {}, logger, signal: new AbortController().signal } as unknown as IsolatedHost;
}

function spread(ms: readonly number[]): string {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(2);
  return `median ${at(0.5)} ms, 90 % within ${at(0.9)} ms, worst ${at(1)} ms`;
}

/** Processor time, which is the same on a busy machine: of this process, or of another one. */
function cpuMs(kind: 'thread' | 'process', name: string): number {
  if (kind === 'thread') {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  }
  const stat = readFileSync(`/proc/${name.replace('process ', '')}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

for (const kind of ['thread', 'process'] as const) {
  const { pool } = makeIsolation(reeve.options, new TaskRegistry(reeve.options.tasks), logger, undefined);
  const { signal } = new AbortController();
  const startMs: number[] = [];
  const startCpuMs: number[] = [];
  const killMs: number[] = [];
  for (let round = 0; round < starts; round += 1) {
    const cpuBefore = kind === 'thread' ? cpuMs(kind, '') : 0;
    const startedAt = performance.now();
    const side = await pool.take(kind, signal);
    startMs.push(performance.now() - startedAt);
    startCpuMs.push(cpuMs(kind, side.name) - cpuBefore);
    side.run(attempt('spin')).catch(() => undefined);
    await pause(200);
    const killedAt = performance.now();
    side.kill('measured');
    await side.gone;
    killMs.push(performance.now() - killedAt);
  }
  const side = await pool.take(kind, signal);
  for (let warm = 0; warm < 50; warm += 1) await side.run(attempt('none'));
  const stepMs: number[] = [];
  for (let step = 0; step < steps; step += 1) {
    const startedAt = performance.now();
    await side.run(attempt('none'));
    stepMs.push(performance.now() - startedAt);
  }
  console.log(
    `${kind}\n  start: ${spread(startMs)}\n    processor time: ${spread(startCpuMs)}\n  step:  ${spread(stepMs)}\n  end:   ${spread(killMs)}`,
  );
  await pool.close();
}
clearInterval(alive);
await reeve.close();
await postgres.stop();
await rm(folder, { recursive: true, force: true });
