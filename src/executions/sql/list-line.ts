import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';
import type { Room } from './list-room.ts';

/** One key that a waiting scope wants; the rows of one place are admitted together. */
export interface WaitingPermit {
  readonly place: string;
  readonly executionId: string;
  readonly position: number;
  readonly key: string;
  readonly shared: boolean;
  readonly resource: (JsonValue & { readonly type: string; readonly id: string }) | null;
}

/**
 * Who stands first in the lines of the given keys, as many as there is room for, with all that they want, in the order
 * of their places. Paused executions are passed over and keep their places.
 */
export async function listLine(
  connection: Connection,
  room: ReadonlyMap<string, Room>,
): Promise<readonly WaitingPermit[]> {
  const { schema } = connection;
  const { rows } = await connection.query<WaitingPermit>(
    `WITH wanted AS (SELECT * FROM unnest($1::text[], $2::integer[]) AS wanted(key, room)),
     line AS (
       SELECT first.place FROM wanted CROSS JOIN LATERAL (
         SELECT p.place FROM ${schema}.permit AS p JOIN ${schema}.execution AS e ON e.id = p.execution_id
         WHERE p.key = wanted.key AND NOT p.held AND NOT p.shared AND e.state = 'running'
         ORDER BY p.place LIMIT greatest(wanted.room, 0)) AS first
       UNION
       SELECT p.place FROM ${schema}.permit AS p JOIN ${schema}.execution AS e ON e.id = p.execution_id
       WHERE p.key = ANY ($1) AND NOT p.held AND p.shared AND e.state = 'running' AND NOT EXISTS (
         SELECT 1 FROM ${schema}.permit AS o WHERE o.place = p.place AND NOT o.shared))
     SELECT p.place, p.execution_id AS "executionId", p.position, p.key, p.shared,
       CASE WHEN p.resource_type IS NOT NULL
         THEN jsonb_build_object('type', p.resource_type, 'id', p.resource_id) END AS resource
     FROM ${schema}.permit AS p WHERE p.place IN (SELECT place FROM line) AND NOT p.held
     ORDER BY p.place, p.key`,
    [[...room.keys()], [...room.values()].map((one) => one.room)],
  );
  return rows;
}
