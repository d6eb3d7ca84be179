import type { ResourceCheck } from '../../src/executions/invariants.ts';
import { checkInvariants } from '../../src/executions/invariants.ts';
import type { LedgerPool } from '../../src/executions/ledger-pool.ts';
import type { Broken } from '../chaos/verdicts.ts';
import { limits, meantToFail } from './cluster-app.ts';
import type { OutsideWorld } from './outside-world.ts';
import { epochMs } from './virtual-time.ts';

const shownRows = 5;

const alwaysVerdicts: Readonly<Record<string, string>> = {
  'no step that has succeeded moves again': `SELECT * FROM transition WHERE was = 'succeeded'`,
  'no claim is ended as dead while its lease is not over': `SELECT * FROM transition WHERE crashed AND lease_until > at`,
  'a step is ended by its last claim': `SELECT s.execution_id, s.position, s.fence, a.fence AS winner
    FROM reeve.step AS s JOIN reeve.attempt AS a USING (execution_id, position)
    WHERE a.outcome = 'succeeded' AND a.fence <> s.fence`,
};

/** What may never be, at any boundary. */
export async function look(pool: LedgerPool, checks: readonly ResourceCheck[]): Promise<Broken[]> {
  const broken: Broken[] = [];
  for (const [what, sql] of Object.entries(alwaysVerdicts)) {
    const { rows } = await pool.query(`${sql} LIMIT ${shownRows}`);
    if (rows.length > 0) broken.push({ what, rows });
  }
  const violations = await checkInvariants(pool, checks);
  for (const [what, rows] of Map.groupBy(violations, (violation) => `${violation.invariant}: ${violation.what}`)) {
    broken.push({ what, rows: rows.slice(0, shownRows).map(({ row }) => row) });
  }
  return broken;
}

/** What may not be once everything had its time. */
const restVerdicts: Readonly<Record<string, string>> = {
  'every execution has ended': `SELECT e.id, e.executor, e.state, (SELECT json_agg(json_build_object('step', s.position,
      'task', s.task, 'state', s.state, 'for', s.waiting_for, 'delivery', s.delivery, 'epoch', s.published_epoch,
      'run', s.run_at, 'lease', s.lease_until)) FROM reeve.step AS s WHERE s.execution_id = e.id
        AND s.state IN ('ready', 'running', 'waiting', 'delayed')) AS live
    FROM reeve.execution AS e WHERE e.active`,
  'no execution fails because its surroundings do': `SELECT id, executor, state, error->>'code' AS code,
    left(error->>'message', 200) AS message FROM reeve.execution
    WHERE (state = 'failed' AND error->>'message' NOT LIKE '%${meantToFail}%' AND parent_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM reeve.execution AS c WHERE c.parent_id = execution.id AND c.state <> 'succeeded'))
      OR (state = 'canceled' AND cancel_requested_at IS NULL)`,
  'no permit is left': `SELECT * FROM reeve.permit`,
  'no throttle counts a permit that is not there': `SELECT key, held FROM reeve.throttle WHERE held <> 0`,
  'no run is remembered for ever': `SELECT * FROM reeve.remembered_run`,
};

/** The verdicts at the end; `isAtRest` where everything had its time. */
export async function judge(pool: LedgerPool, world: OutsideWorld, isAtRest: boolean): Promise<Broken[]> {
  const broken: Broken[] = [];
  const note = (what: string, rows: readonly unknown[]): void => {
    if (rows.length > 0) broken.push({ what, rows: rows.slice(0, shownRows) });
  };
  if (isAtRest) for (const [what, sql] of Object.entries(restVerdicts)) note(what, (await pool.query(sql)).rows);
  const { rows: attempts } = await pool.query<Attempt>(
    `SELECT a.execution_id || ':' || a.position AS key, a.fence::integer AS fence, a.outcome, a.ended_at, s.task
     FROM reeve.attempt AS a JOIN reeve.step AS s USING (execution_id, position)`,
  );
  note('no effect is done twice for one fence', doubled(world));
  note('the newest effect of a step is that of the claim that ended it', strangeEffects(attempts, world));
  note('no more run at once than a throttle allows', overlaps(attempts, world));
  note('every request has one execution, and none if it was rolled back', await lostRequests(pool, world));
  return broken;
}

interface Attempt {
  readonly key: string;
  readonly fence: number;
  readonly outcome: string;
  readonly ended_at: Date;
  readonly task: string;
}

function doubled(world: OutsideWorld): object[] {
  return [...world.effects].flatMap(([key, fences]) => (new Set(fences).size < fences.length ? [{ key, fences }] : []));
}

/** The outside world and the ledger agree about who has done each step. */
function strangeEffects(attempts: readonly Attempt[], world: OutsideWorld): object[] {
  return attempts.flatMap(({ key, fence, outcome, task }) => {
    if (outcome !== 'succeeded' || !['work', 'tidy', 'tick'].includes(task)) return [];
    const newest = Math.max(0, ...(world.effects.get(key) ?? []));
    return newest === fence ? [] : [{ key, winner: fence, newestEffect: newest }];
  });
}

/**
 * The intervals in which steps with a permit ran. A claim that was taken away counts until then: a zombie may still be
 * busy, and holds nothing any more.
 */
function overlaps(attempts: readonly Attempt[], world: OutsideWorld): object[] {
  const ends = new Map(attempts.map(({ key, fence, ended_at: at }) => [`${key} ${fence}`, at.getTime() - epochMs]));
  return [...Map.groupBy(world.intervals, ({ throttle }) => throttle)].flatMap(([throttle, intervals]) => {
    const changes = intervals.flatMap(({ key, fence, from, until }) => {
      const end = Math.min(until ?? Infinity, ends.get(`${key} ${fence}`) ?? Infinity);
      return end > from
        ? [
            { at: from, by: 1, key },
            { at: end, by: -1, key },
          ]
        : [];
    });
    const running = new Set<string>();
    const found: object[] = [];
    for (const { at, by, key } of changes.toSorted((a, b) => a.at - b.at || a.by - b.by)) {
      if (by > 0) running.add(key);
      else running.delete(key);
      if (running.size > (limits[throttle.split(' ')[0] ?? ''] ?? 0))
        found.push({ throttle, at, running: [...running] });
    }
    return found;
  });
}

async function lostRequests(pool: LedgerPool, world: OutsideWorld): Promise<object[]> {
  const { rows } = await pool.query<{ request: string; ids: string[] }>(
    `SELECT context->>'request' AS request, array_agg(id::text) AS ids FROM reeve.execution
     WHERE parent_id IS NULL AND context ? 'request' GROUP BY 1`,
  );
  const byRequest = new Map(rows.map(({ request, ids }) => [request, ids]));
  return [...world.requests.values()].filter(({ id, answer, executionId }) => {
    const ids = byRequest.get(id) ?? [];
    if (answer === 'rolled back') return ids.length > 0;
    if (answer === 'started') return ids.length !== 1 || ids[0] !== executionId;
    return ids.length > 1;
  });
}
