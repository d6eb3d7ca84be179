import type { Transition } from '../../core/state-machine.ts';
import type { Connection } from '../connection.ts';
import type { ResourceRef } from '../resource-writes.ts';

/** What happens at the end of an execution to a resource that it need not own, if it is in a state that fits. */
export interface ResourceRule extends ResourceRef {
  readonly end: 'success' | 'failure';
  readonly transition: Transition;
}

/** Inserts the rules of one execution, in their order; locks nothing. */
export async function insertRules(
  connection: Connection,
  executionId: string,
  rules: readonly ResourceRule[],
): Promise<void> {
  await connection.query(
    `INSERT INTO ${connection.schema}.execution_rule (execution_id, place, at_end, resource_type, resource_id, transition)
     SELECT $1, place, rule ->> 'end', rule ->> 'type', rule ->> 'id', rule -> 'transition'
     FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS given(rule, place)`,
    [executionId, JSON.stringify(rules)],
  );
}

/** The rules for one end, by resource in lock order and then in their own. By primary key. */
export async function listRules(
  connection: Connection,
  executionId: string,
  end: ResourceRule['end'],
): Promise<ResourceRule[]> {
  const { rows } = await connection.query<ResourceRule>(
    `SELECT at_end AS "end", resource_type AS type, resource_id AS id, transition
     FROM ${connection.schema}.execution_rule WHERE execution_id = $1 AND at_end = $2
     ORDER BY resource_type COLLATE "C", resource_id COLLATE "C", place`,
    [executionId, end],
  );
  return rows;
}
