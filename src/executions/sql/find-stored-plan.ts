import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';

/** From what a plan was built, and what came out. */
export interface StoredPlan {
  readonly executor: string;
  readonly input: JsonValue;
  readonly facts: { readonly facts: JsonValue; readonly changed: readonly string[] };
  readonly planHash: string;
  readonly weight: 'regular' | 'heavy';
}

/** What a plan can be built from again, by primary key; locks nothing. */
export async function findStoredPlan(connection: Connection, executionId: string): Promise<StoredPlan | undefined> {
  const { rows } = await connection.query<StoredPlan>(
    `SELECT executor, input, facts, plan_hash AS "planHash", weight
     FROM ${connection.schema}.execution WHERE id = $1`,
    [executionId],
  );
  return rows[0];
}
