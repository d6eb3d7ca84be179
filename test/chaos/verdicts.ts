import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { Reeve } from '../../src/index.ts';
import { limitOf } from './chaos-app.ts';
import type { OutsideLedger } from './outside-ledger.ts';
import { storyOf } from './story.ts';
import { verbVerdicts } from './verb-load.ts';

/** Watches the ledger from inside the database, in the same transaction as what it watches. */
export const audit: readonly string[] = [
  `CREATE TABLE transition (execution_id uuid, position integer, was text, became text, lease_until timestamptz,
     crashed boolean, at timestamptz)`,
  `CREATE FUNCTION note_transition() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     INSERT INTO public.transition VALUES (OLD.execution_id, OLD.position, OLD.state, NEW.state, OLD.lease_until,
       NEW.crashes > OLD.crashes, clock_timestamp());
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER note_transition AFTER UPDATE OF state ON reeve.step FOR EACH ROW
     WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION note_transition()`,
];

const claimed = `(SELECT execution_id || ':' || position AS key, fence, outcome, started_at, ended_at FROM reeve.attempt)`;

/** What may never be: each answers the rows that break it. */
const alwaysVerdicts: Readonly<Record<string, string>> = {
  'no step that has ended moves again': `SELECT * FROM transition
    WHERE was IN ('succeeded', 'failed', 'skipped', 'canceled')`,
  'no claim is ended as dead while its lease is not over': `SELECT * FROM transition
    WHERE crashed AND lease_until > at`,
  'a step is ended by its last claim': `SELECT s.execution_id, s.position, s.fence, a.fence AS winner
    FROM reeve.step AS s JOIN reeve.attempt AS a USING (execution_id, position)
    WHERE a.outcome = 'succeeded' AND a.fence <> s.fence`,
};

/** What may not be once everything should have healed. */
const restVerdicts: Readonly<Record<string, string>> = {
  'every execution has ended': `SELECT e.id, e.executor, e.state, (SELECT json_agg(json_build_object('step', s.position,
      'task', s.task, 'state', s.state, 'for', s.waiting_for, 'delivery', s.delivery, 'epoch', s.published_epoch,
      'ready', s.ready_at, 'run', s.run_at, 'lease', s.lease_until, 'crashes', s.crashes, 'now', clock_timestamp()))
      FROM reeve.step AS s WHERE s.execution_id = e.id
        AND s.state IN ('ready', 'running', 'waiting', 'delayed')) AS live
    FROM reeve.execution AS e WHERE e.active`,
  'no execution fails because its surroundings do': `SELECT id, executor, state, error->>'code' AS code,
    left(error->>'message', 200) AS message FROM reeve.execution
    WHERE executor NOT LIKE 'verbs.%' AND (state = 'failed' OR (state = 'canceled' AND cancel_requested_at IS NULL))`,
  'no permit is left': `SELECT * FROM reeve.permit`,
  'no throttle counts a permit that is not there': `SELECT key, held FROM reeve.throttle WHERE held <> 0`,
  ...verbVerdicts,
};

export interface Broken {
  readonly what: string;
  readonly rows: readonly unknown[];
}

/** What was looked at; it held where there are no rows. */
export type Verdict = Broken;

interface Judged {
  readonly dataSource: DataSource;
  readonly outside: OutsideLedger;
  /** Whether everything had its time; what is at rest cannot be judged in a run that was broken off. */
  readonly isAtRest: boolean;
  /** What was seen while it ran. */
  readonly broken: readonly Broken[];
}

const rulesOfLedger = 'the rules of the ledger, all the time';
const shownRows = 5;

/** The verdicts over both databases. */
export async function judge({ dataSource, outside, isAtRest, broken }: Judged): Promise<Verdict[]> {
  const verdicts: Verdict[] = [...broken];
  const note = (what: string, rows: readonly unknown[]): void => {
    if (broken.every((one) => one.what !== what)) verdicts.push({ what, rows: rows.slice(0, shownRows) });
  };
  if (broken.length === 0) for (const what of [rulesOfLedger, 'no process ends by itself']) note(what, []);
  for (const [what, sql] of Object.entries(isAtRest ? { ...alwaysVerdicts, ...restVerdicts } : alwaysVerdicts)) {
    note(what, await dataSource.query<object[]>(`${sql} LIMIT 20`));
  }
  const attempts = await dataSource.query<AttemptRow[]>(`SELECT * FROM ${claimed} AS c`);
  note(
    'the newest effect of a step is that of the claim that ended it',
    await strangeEffects(attempts, dataSource, outside),
  );
  note('no effect is done twice for one fence', await outside.query(`SELECT * FROM mark WHERE what = 'doubled'`));
  note('no more run at once than a throttle allows', await overlaps(attempts, outside));
  note('every request has one execution, and none if it was rolled back', await lostRequests(dataSource, outside));
  return verdicts;
}

/** Looks at what may never be again and again while everything happens; what cannot be asked now is asked later. */
export function watchAlways(
  { reeve, dataSource }: { readonly reeve: Reeve; readonly dataSource: DataSource },
  broken: Broken[],
): { stop: () => Promise<void> } {
  let isStopped = false;
  const look = async (): Promise<void> => {
    for (const [what, sql] of Object.entries(alwaysVerdicts)) {
      const rows = await dataSource.query<object[]>(`${sql} LIMIT ${shownRows}`).catch(() => []);
      if (rows.length > 0) broken.push({ what, rows: [...rows, ...(await storyOf(dataSource, rows))] });
    }
    const violations = await reeve.checkInvariants().catch(() => []);
    for (const [what, rows] of Map.groupBy(violations, (violation) => `${violation.invariant}: ${violation.what}`)) {
      const shown = rows.slice(0, shownRows).map(({ row }) => row);
      broken.push({ what, rows: [...shown, ...(await storyOf(dataSource, shown))] });
    }
  };
  const watching = (async () => {
    while (!isStopped && broken.length === 0) {
      await look();
      await pause(500);
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await watching;
      if (broken.length === 0) await look();
    },
  };
}

interface AttemptRow {
  readonly key: string;
  readonly fence: string;
  readonly outcome: string;
  readonly started_at: Date;
  readonly ended_at: Date;
}

/** The outside world and the ledger agree about who has done each step, by the largest fence that the world has seen. */
async function strangeEffects(
  attempts: readonly AttemptRow[],
  dataSource: DataSource,
  outside: OutsideLedger,
): Promise<object[]> {
  const working = await dataSource.query<{ key: string }[]>(
    `SELECT execution_id || ':' || position AS key FROM reeve.step WHERE task IN ('work', 'tick', 'tidy')`,
  );
  const isWork = new Set(working.map(({ key }) => key));
  const effects = await outside.query<{ key: string; fence: string }>(
    `SELECT key, max(fence) AS fence FROM effect GROUP BY key`,
  );
  const last = new Map(effects.map(({ key, fence }) => [key, fence]));
  return attempts
    .filter(({ key, outcome, fence }) => outcome === 'succeeded' && isWork.has(key) && last.get(key) !== fence)
    .map(({ key, fence }) => ({ key, winner: fence, newestEffect: last.get(key) ?? null }));
}

/**
 * The intervals in which steps with a permit ran, by the outside marks. A claim that was taken away counts until then:
 * a zombie may still be busy, and holds nothing any more.
 */
async function overlaps(attempts: readonly AttemptRow[], outside: OutsideLedger): Promise<object[]> {
  const ends = new Map(attempts.map(({ key, fence, ended_at: at }) => [`${key} ${fence}`, at.getTime()]));
  const marks = await outside.query<{ key: string; fence: string; throttle: string; start: Date; end: Date | null }>(
    `SELECT s.key, s.fence, s.throttle, s.at AS start, e.at AS end FROM mark AS s
     LEFT JOIN mark AS e ON e.key = s.key AND e.fence = s.fence AND e.throttle = s.throttle AND e.what = 'end'
     WHERE s.what = 'start' AND s.throttle IS NOT NULL`,
  );
  const found: object[] = [];
  for (const [throttle, ofThrottle] of Map.groupBy(marks, (mark) => mark.throttle)) {
    const changes = ofThrottle.flatMap(({ key, fence, start, end }) => {
      const until = Math.min(end?.getTime() ?? Infinity, ends.get(`${key} ${fence}`) ?? Infinity);
      if (!(until > start.getTime())) return [];
      return [
        { at: start.getTime(), by: 1, key },
        { at: until, by: -1, key },
      ];
    });
    const running = new Set<string>();
    for (const { at, by, key } of changes.toSorted((a, b) => a.at - b.at || a.by - b.by)) {
      if (by > 0) running.add(key);
      else running.delete(key);
      if (running.size > limitOf(throttle.split(' ')[0] ?? ''))
        found.push({ throttle, at: new Date(at), running: [...running] });
    }
  }
  return found;
}

interface RequestRow {
  readonly id: string;
  readonly kind: string;
  readonly answer: string | null;
  readonly execution_id: string | null;
}

async function lostRequests(dataSource: DataSource, outside: OutsideLedger): Promise<object[]> {
  const requests = await outside.query<RequestRow>(`SELECT * FROM request WHERE kind <> 'tidy'`);
  const rows = await dataSource.query<{ request: string; ids: string[] }[]>(
    `SELECT context->>'request' AS request, array_agg(id::text) AS ids FROM reeve.execution
     WHERE parent_id IS NULL AND executor <> 'verbs.invokeVerb' AND context ? 'request' GROUP BY 1`,
  );
  const byRequest = new Map(rows.map(({ request, ids }) => [request, ids]));
  return requests.filter(({ id, answer, execution_id: executionId }) => {
    const ids = byRequest.get(id) ?? [];
    if (answer === 'rolled back') return ids.length > 0;
    if (answer === 'started') return ids.length !== 1 || ids[0] !== executionId;
    return ids.length > 1;
  });
}

export interface ExpectedDue {
  readonly name: string;
  /** The first and the last due time; there is one in every second. */
  readonly starts: Date;
  readonly ends: Date;
}

/** Every due time of every schedule has fired exactly once, compared with times that are counted here. */
export async function judgeDueTimes(dataSource: DataSource, schedules: readonly ExpectedDue[]): Promise<Verdict> {
  const rows = await dataSource.query<{ name: string; due_at: Date; verdict: string; executions: number }[]>(
    `SELECT d.name, f.due_at, f.verdict, (SELECT count(*)::integer FROM reeve.execution AS e
       WHERE e.schedule_id = d.id AND e.schedule_due_at = f.due_at) AS executions
     FROM reeve.schedule AS d JOIN reeve.schedule_fire AS f ON f.schedule_id = d.id`,
  );
  const wrong: object[] = rows.filter(
    ({ verdict, executions }) => (verdict !== 'fired' && verdict !== 'caught_up') || executions !== 1,
  );
  const judged = new Set(rows.map(({ name, due_at: at }) => `${name} ${at.toISOString()}`));
  for (const { name, starts, ends } of schedules) {
    for (let at = starts.getTime(); at <= ends.getTime(); at += 1_000) {
      const due = `${name} ${new Date(at).toISOString()}`;
      if (!judged.delete(due)) wrong.push({ missing: due });
    }
  }
  wrong.push(...[...judged].map((due) => ({ tooMany: due })));
  return { what: 'every due time has one verdict and one execution', rows: wrong.slice(0, shownRows) };
}
