import type { Connection } from '../connection.ts';
import { liveOverride } from './throttle-limit.ts';

export interface ThrottleView {
  readonly key: string;
  readonly name: string;
  /** The limit that counts now. */
  readonly limit: number;
  /** What an operator has set instead of the limit of the code, until when, and why. */
  readonly override: {
    readonly limit: number;
    readonly until: Date | null;
    readonly by: string | null;
    readonly reason: string | null;
  } | null;
  readonly level: number;
  readonly held: number;
  readonly waiting: number;
}

interface Row extends Omit<ThrottleView, 'override'> {
  override_limit: number | null;
  override_until: Date | null;
  override_by: string | null;
  override_reason: string | null;
}

/** Throttles by key, or one of them; holds are left out. Locks nothing. */
export async function listThrottles(connection: Connection, key: string | null): Promise<ThrottleView[]> {
  const { schema } = connection;
  const { rows } = await connection.query<Row>(
    `SELECT t.key, t.name, t.level, t.held, live.override AS override_limit, t.override_until, t.override_by, t.override_reason,
       coalesce(live.override, t.max_held) AS "limit",
       (SELECT count(*)::integer FROM ${schema}.permit AS p WHERE p.key = t.key AND NOT p.held AND NOT p.shared) AS waiting
     FROM ${schema}.throttle AS t CROSS JOIN LATERAL (SELECT ${liveOverride(schema)} AS override) AS live
     WHERE ($1::text IS NULL AND t.name <> 'hold') OR t.key = $1 ORDER BY t.key`,
    [key],
  );
  return rows.map(
    ({ override_limit: limit, override_until: until, override_by: by, override_reason: reason, ...row }) => ({
      ...row,
      override: limit === null ? null : { limit, until, by, reason },
    }),
  );
}
