import { setTimeout as pause } from 'node:timers/promises';
import { answerMs, leaseMs, type ChaosApp } from './chaos-app.ts';
import type { ChaosProcess } from './chaos-processes.ts';
import type { Verdict } from './verdicts.ts';

export interface Healing {
  readonly verdict: Verdict;
  /** From the last fault until everything had ended. */
  readonly healedMs: number;
  /** How many times longer than on a quiet machine things took: a short pause with a small question, the start of processes. */
  readonly slowness: number;
}

/**
 * So long a step may wait for a worker once there are no faults any more: its lease has to run out, a dead connection to
 * be given up by whoever would take it over, and its job to be missed and sent again. On a slow machine it is longer.
 */
const healingMs = 3 * leaseMs + 2 * answerMs;
const longestMs = 240_000;
const glanceMs = 250;

interface LateStep {
  readonly execution: string;
  readonly position: number;
  readonly state: string;
}

export interface HealingOptions {
  readonly processes: readonly ChaosProcess[];
  readonly isBroken: () => boolean;
  /** As it was while the load was on. */
  readonly slownessBefore: number;
}

/** Lets what was started end. It is over when all has ended, when something waits for too long, or when a rule broke. */
export async function untilHealed(
  app: ChaosApp,
  { processes, isBroken, slownessBefore }: HealingOptions,
): Promise<Healing> {
  await Promise.all(processes.filter(({ role }) => role === 'producer').map((one) => one.stopProducing()));
  // What was killed last is not there before it has started.
  await Promise.all(processes.map((one) => one.ready));
  const from = performance.now();
  let slowness = slownessBefore;
  for (;;) {
    const lookedAt = performance.now();
    const patienceMs = healingMs * slowness;
    const { left, late } = await look(app, patienceMs);
    const passedMs = performance.now() - from;
    const tooLate = passedMs > patienceMs ? late : [];
    if (left === 0 || isBroken() || tooLate.length > 0 || passedMs > longestMs * slowness) {
      const what = 'whatever is ready is taken up within the healing time';
      return {
        verdict: { what, rows: tooLate },
        healedMs: Math.round(passedMs),
        slowness: Math.round(slowness * 10) / 10,
      };
    }
    await pause(glanceMs);
    // A machine that is late with a pause and a small question is as late with everything else.
    slowness = Math.max(slowness, Math.min(8, (performance.now() - lookedAt) / (2 * glanceMs)));
  }
}

/** How much is under way, and what of it should have been taken up long ago. */
async function look(
  { dataSource }: ChaosApp,
  patienceMs: number,
): Promise<{ readonly left: number; readonly late: readonly LateStep[] }> {
  const rows = await dataSource
    .query<{ left: number; late: LateStep[] }[]>(
      `SELECT (SELECT count(*)::integer FROM reeve.execution WHERE active)
           + (SELECT count(*)::integer FROM reeve.schedule WHERE next_due_at IS NOT NULL) AS left,
         (SELECT coalesce(json_agg(late), '[]') FROM (
            SELECT execution_id AS execution, position, task, state, delivery, published_epoch, ready_at, run_at, lease_until
            FROM reeve.step
            WHERE (state = 'ready' AND ready_at < clock_timestamp() - $1 * interval '1 millisecond')
               OR (state = 'delayed' AND run_at < clock_timestamp() - $1 * interval '1 millisecond')
               OR (state = 'running' AND lease_until < clock_timestamp() - $1 * interval '1 millisecond')
            LIMIT 5) AS late) AS late`,
      [patienceMs],
    )
    .catch(() => []);
  return rows[0] ?? { left: 1, late: [] };
}
