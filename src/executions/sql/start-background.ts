import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';
import {
  bareColumns,
  bareRow,
  insertBegunEventsSql,
  insertBegunStepsSql,
  insertExecutionsSql,
  type BareExecution,
} from './insert-executions.ts';

/** One task that is to be started, unless it has a key and one with it is alive. */
export interface WantedRun extends BareExecution {
  /** What to remember where one is alive, as JSON; null where a refusal is all. */
  readonly remember: JsonValue;
  /** Whether it is remembered also where this one is started: several have asked for it at once. */
  readonly askedAgain: boolean;
  /** Set for the start of a remembered run: only that request is taken, not one that came after it. */
  readonly rememberedToken: string | null;
}

export interface RunAnswer {
  /** The id that the execution was to have. */
  readonly wanted_id: string;
  readonly unique_key: string | null;
  /** Null when a rival with the same key committed while the statement waited for it: ask again. */
  readonly id: string | null;
  readonly created: boolean;
}

/**
 * Starts tasks, or answers the live execution of each key, in one statement: executions, steps, events, and
 * what is remembered or taken of one more run. Of several with the same key one is started, and the others get no answer.
 *
 * Of what is remembered of a key nothing is taken or written where none of the runs asks for it: a request that was
 * remembered while its task was `runOnceMore` still runs, once.
 *
 * Waits for rivals' open transactions with one of the keys, up to the lock timeout that is given (55P03). Reads and
 * locks by the partial unique index on live keys and the primary key of `remembered_run`, sorted by key.
 *
 * @param rivals - `pass`: whoever finds another of these statements at work on a key does nothing for it, and gets no
 *   answer; `lookForKey` waits for it.
 */
export async function startBackground(
  connection: Connection,
  wanted: readonly WantedRun[],
  { lockTimeoutMs, rivals }: { readonly lockTimeoutMs: number; readonly rivals: 'wait' | 'pass' },
): Promise<RunAnswer[]> {
  if (wanted.length === 0) return [];
  const { schema } = connection;
  // The lock timeout is set before the second lock is waited for, which is held by whoever is looking, for a moment.
  const isFree = `AND CASE WHEN timeout.value IS NULL THEN false
    WHEN pg_try_advisory_xact_lock(hashtextextended(w.unique_key, 8112))
    THEN pg_advisory_xact_lock(hashtextextended(w.unique_key, 8113))::text IS NOT NULL ELSE false END`;
  const remembers = wanted.some(({ remember, rememberedToken }) => remember !== null || rememberedToken !== null);
  const { rows } = await connection.query<RunAnswer>(
    `WITH wanted AS MATERIALIZED (
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS w(${bareColumns},
         remember jsonb, asked_again boolean, remembered_token uuid)
       ORDER BY unique_key
     ), live AS MATERIALIZED (
       SELECT e.id, w.unique_key FROM wanted AS w CROSS JOIN LATERAL (
         SELECT id FROM ${schema}.execution WHERE active AND unique_key = w.unique_key LIMIT 1) AS e
     ), begun AS (
       ${insertExecutionsSql(schema, `(SELECT set_config('lock_timeout', $2, true) AS value) AS timeout, wanted AS w`)}
       WHERE NOT EXISTS (SELECT 1 FROM live WHERE live.unique_key = w.unique_key) ${rivals === 'wait' ? '' : isFree} ORDER BY w.unique_key
       ON CONFLICT DO NOTHING RETURNING id, unique_key
     ), planned AS (${insertBegunStepsSql(schema)}
     ), noted AS (${insertBegunEventsSql(schema)}
     )${remembers ? rememberSql(schema) : ''}
     SELECT w.id AS wanted_id, w.unique_key, coalesce(begun.id, live.id) AS id, begun.id IS NOT NULL AS created
     FROM wanted AS w LEFT JOIN begun ON begun.id = w.id LEFT JOIN live ON live.unique_key = w.unique_key`,
    [JSON.stringify(wanted.map((run) => wantedRow(run))), `${lockTimeoutMs}ms`],
  );
  return rows;
}

/** Remembers the requests that are refused, and takes back what was remembered of a run that is started. */
function rememberSql(schema: string): string {
  return `, seen AS MATERIALIZED (
       SELECT m.unique_key, m.token FROM ${schema}.remembered_run AS m JOIN wanted AS w USING (unique_key)
       WHERE w.remembered_token IS NULL OR w.remembered_token = m.token
     ), taken AS (
       DELETE FROM ${schema}.remembered_run AS m
       USING (SELECT r.unique_key, r.token FROM ${schema}.remembered_run AS r
         JOIN seen ON seen.unique_key = r.unique_key AND seen.token = r.token
         JOIN begun ON begun.unique_key = r.unique_key
         JOIN wanted ON wanted.id = begun.id AND NOT (wanted.asked_again AND wanted.remember IS NOT NULL)
         FOR UPDATE OF r SKIP LOCKED) AS mine
       WHERE m.unique_key = mine.unique_key AND m.token = mine.token
     ), remembered AS (
       INSERT INTO ${schema}.remembered_run AS m (unique_key, task, request, token, asked_at, times)
       SELECT w.unique_key, w.executor, w.remember, gen_random_uuid(), ${schema}.clock(), 1
       FROM (SELECT set_config('lock_timeout', $2, true)) AS timeout, wanted AS w
         LEFT JOIN live ON live.unique_key = w.unique_key LEFT JOIN begun ON begun.id = w.id
       WHERE w.remember IS NOT NULL AND (live.id IS NOT NULL OR (begun.id IS NOT NULL AND w.asked_again))
       ORDER BY w.unique_key
       ON CONFLICT (unique_key) DO UPDATE SET request = excluded.request, token = excluded.token,
         asked_at = excluded.asked_at, times = m.times + 1)`;
}

function wantedRow(run: WantedRun): object {
  return {
    ...bareRow(run),
    remember: run.remember,
    asked_again: run.askedAgain,
    remembered_token: run.rememberedToken,
  };
}
