import type { Connection } from '../connection.ts';

/**
 * Deletes executions that ended longer ago than an age, with their descendants, steps, attempts, events and verdicts;
 * answers how many were no child of another. By the indexes execution_succeeded_at and execution_unsuccessful_at; rows
 * that somebody holds are passed over, so it waits for nobody.
 *
 * One that an idempotency key still names stays, and one with a descendant that is alive.
 */
export async function pruneExecutions(
  connection: Connection,
  which: 'succeeded' | 'unsuccessful',
  ageMs: number,
  limit: number,
): Promise<number> {
  const { schema } = connection;
  const state = which === 'succeeded' ? `e.state = 'succeeded'` : `e.state IN ('failed', 'canceled')`;
  const { rows } = await connection.query<{ roots: number }>(
    `WITH RECURSIVE old AS MATERIALIZED (
       SELECT e.id FROM ${schema}.execution AS e
       WHERE ${state} AND e.finished_at < ${schema}.clock() - $1 * interval '1 millisecond' AND e.parent_id IS NULL
         AND (e.idempotency_until IS NULL OR e.idempotency_until < ${schema}.clock())
       ORDER BY e.finished_at LIMIT $2 FOR UPDATE SKIP LOCKED
     ), tree AS (
       SELECT old.id, old.id AS root FROM old
       UNION ALL
       SELECT c.id, tree.root FROM tree JOIN ${schema}.execution AS c ON c.parent_id = tree.id
     ), doomed AS MATERIALIZED (
       SELECT tree.id, tree.root FROM tree WHERE NOT EXISTS (
         SELECT 1 FROM tree AS other JOIN ${schema}.execution AS e ON e.id = other.id
         WHERE other.root = tree.root AND e.active)
     ), events AS (
       DELETE FROM ${schema}.event USING doomed WHERE event.execution_id = doomed.id
     ), fires AS (
       DELETE FROM ${schema}.schedule_fire AS f USING doomed, ${schema}.execution AS e
       WHERE e.id = doomed.id AND f.schedule_id = e.schedule_id AND f.due_at = e.schedule_due_at
     ), gone AS (
       DELETE FROM ${schema}.execution AS e USING doomed WHERE e.id = doomed.id
     ) SELECT count(*)::integer AS roots FROM doomed WHERE id = root`,
    [ageMs, limit],
  );
  return rows[0]?.roots ?? 0;
}
