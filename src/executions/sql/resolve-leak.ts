import type { Connection } from '../connection.ts';

/** Marks a leak as dealt with, once; false when there is none of that id or it is resolved already. */
export async function resolveLeak(
  connection: Connection,
  leak: { readonly id: string; readonly by: string; readonly note: string | null },
): Promise<boolean> {
  const { count } = await connection.query(
    `UPDATE ${connection.schema}.leak SET resolved_at = ${connection.schema}.clock(), resolved_by = $2, note = $3
     WHERE id = $1 AND resolved_at IS NULL`,
    [leak.id, leak.by, leak.note],
  );
  return count === 1;
}
