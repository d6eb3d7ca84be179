import type { Connection } from '../connection.ts';
import { inScope } from './in-scope.ts';

/**
 * Puts steps that wait for permits in line, each with the next place in all of its lines. Takes no throttle's lock. A
 * key that an ancestor holds around the step that waits for this execution is shared: it needs no room.
 *
 * @param unit - Whether all of them are admitted together, or each by itself.
 */
export async function requestPermits(
  connection: Connection,
  executionId: string,
  positions: readonly number[],
  unit: 'together' | 'apart' = 'apart',
): Promise<void> {
  if (positions.length === 0) return;
  const { schema } = connection;
  const place = `nextval('${schema}.permit_place')`;
  await connection.query(
    `WITH RECURSIVE ancestor AS (
       SELECT parent_id AS id, parent_position AS position FROM ${schema}.execution
       WHERE id = $1 AND parent_id IS NOT NULL AND awaited
       UNION ALL
       SELECT e.parent_id, e.parent_position FROM ${schema}.execution AS e JOIN ancestor AS a ON e.id = a.id
       WHERE e.parent_id IS NOT NULL AND e.awaited),
     inherited AS (
       SELECT DISTINCT p.key FROM ancestor AS a
       JOIN ${schema}.step AS t ON t.execution_id = a.id AND t.position = a.position
       JOIN ${schema}.permit AS p ON p.execution_id = a.id AND p.held
         AND ${inScope('t', 'p')}),
     wanted AS MATERIALIZED (
       SELECT s.position, s.effects -> 'acquire' AS acquire ${unit === 'apart' ? `, ${place} AS place` : ''}
       FROM (SELECT position, effects FROM ${schema}.step
         WHERE execution_id = $1 AND position = ANY ($2) AND effects ? 'acquire'
           ${unit === 'apart' ? `AND state = 'waiting' AND waiting_for IN ('permit', 'hold')` : ''} ORDER BY position) AS s)
     ${insertPermitsSql(schema, {
       execution: '$1',
       place: unit === 'apart' ? 'w.place' : 'one.place',
       shared: 'k.key IN (SELECT i.key FROM inherited AS i)',
       from: `wanted AS w ${unit === 'apart' ? '' : `CROSS JOIN (SELECT ${place} AS place) AS one`}`,
     })}`,
    [executionId, positions],
  );
}

/** Where the parts of permits come from, as SQL; `from` gives rows `w` with the position of a scope and what it acquires. */
export interface PermitSource {
  readonly execution: string;
  readonly place: string;
  readonly shared: string;
  readonly from: string;
}

/** The statement of {@link requestPermits}, which others may make a part of theirs: a row for each key of each scope. */
export function insertPermitsSql(schema: string, { execution, place, shared, from }: PermitSource): string {
  return `INSERT INTO ${schema}.permit (execution_id, position, last_position, key, name, max_held, level, place, shared,
       resource_type, resource_id, requested_at)
     SELECT ${execution}, w.position, (w.acquire ->> 'last')::integer, k.key, k.name, k."limit", k.level, ${place},
       ${shared}, k.resource ->> 'type', k.resource ->> 'id', ${schema}.clock()
     FROM ${from}
     CROSS JOIN LATERAL jsonb_to_recordset(w.acquire -> 'keys')
       AS k(key text, name text, "limit" integer, level integer, resource jsonb)
     ON CONFLICT DO NOTHING`;
}
