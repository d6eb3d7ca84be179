import type { Connection } from '../connection.ts';

export interface GroupRoom {
  /** The position of the group's join. */
  readonly position: number;
  /** How many of its waiting members may start. */
  readonly count: number;
}

/**
 * The bounded groups of an execution that have room for members that wait: after a retry nobody is under way who would
 * let them start. The members of a group are the ranges from one first step to the next; the caller holds the row lock
 * of the execution.
 */
export async function listGroupRoom(connection: Connection, executionId: string): Promise<GroupRoom[]> {
  const { schema } = connection;
  const { rows } = await connection.query<GroupRoom>(
    `WITH entry AS (
       SELECT position, state, waiting_for, (effects -> 'bound' ->> 'join')::integer AS joined,
         (effects -> 'bound' ->> 'waits')::boolean AS waits,
         lead(position) OVER (PARTITION BY effects -> 'bound' ->> 'join' ORDER BY position) AS next
       FROM ${schema}.step WHERE execution_id = $1 AND effects ? 'bound'),
     member AS (
       SELECT entry.joined, entry.waits, waiting_for IS DISTINCT FROM 'group' AND EXISTS (
         SELECT 1 FROM ${schema}.step AS s WHERE s.execution_id = $1 AND s.position >= entry.position
           AND s.position < coalesce(entry.next, entry.joined)
           AND s.state IN ('pending', 'waiting', 'delayed', 'ready', 'running')) AS under_way
       FROM entry)
     SELECT joined AS position, (count(*) FILTER (WHERE NOT waits) - count(*) FILTER (WHERE under_way))::integer AS count
     FROM member GROUP BY joined HAVING count(*) FILTER (WHERE NOT waits) > count(*) FILTER (WHERE under_way)
     ORDER BY joined`,
    [executionId],
  );
  return rows;
}
