import type { Connection } from '../../executions/connection.ts';

/**
 * Whether an earlier command of the same player has not ended. Ids of executions grow with time, so the order is that in
 * which the commands were given. By the index execution_of_player; no lock.
 */
export async function hasEarlierCommand(connection: Connection, player: number, executionId: string): Promise<boolean> {
  const { count } = await connection.query(
    `SELECT 1 FROM ${connection.schema}.execution
     WHERE active AND executor = 'verbs.parseCommand' AND (input->>'caller')::integer = $1 AND id < $2
       AND state <> 'paused' LIMIT 1`,
    [player, executionId],
  );
  return count > 0;
}

/** Makes the player's next command, if it waits for its turn, due now. Nothing matched: nobody waits. */
export async function hurryNextCommand(connection: Connection, player: number): Promise<boolean> {
  const { schema } = connection;
  const { count } = await connection.query(
    `UPDATE ${schema}.step AS s SET run_at = ${schema}.clock()
     FROM (SELECT id FROM ${schema}.execution WHERE active AND executor = 'verbs.parseCommand'
       AND (input->>'caller')::integer = $1 ORDER BY id LIMIT 1) AS e
     WHERE s.execution_id = e.id AND s.position = 0 AND s.state = 'delayed' AND s.started_at IS NOT NULL`,
    [player],
  );
  return count > 0;
}
