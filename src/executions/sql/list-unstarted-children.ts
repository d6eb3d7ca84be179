import type { Connection } from '../connection.ts';
import type { StepEffects } from '../step-plan.ts';

export interface UnstartedChild {
  readonly resourceId: string;
  readonly child: NonNullable<StepEffects['child']>;
}

/** The children of an execution that will never start, with their resources as far as the plan names them. */
export async function listUnstartedChildren(connection: Connection, executionId: string): Promise<UnstartedChild[]> {
  const { schema } = connection;
  const { rows } = await connection.query<UnstartedChild>(
    `SELECT s.args ->> 'resource' AS "resourceId", s.effects -> 'child' AS child FROM ${schema}.step AS s
     WHERE s.execution_id = $1 AND s.kind = 'child' AND s.effects ? 'child' AND s.state IN ('skipped', 'canceled')
       AND jsonb_typeof(s.args -> 'resource') = 'string'
       AND NOT EXISTS (SELECT 1 FROM ${schema}.execution AS c
         WHERE c.parent_id = s.execution_id AND c.parent_position = s.position)
     ORDER BY s.position`,
    [executionId],
  );
  return rows;
}
