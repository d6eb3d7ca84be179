import type { DataSource } from 'typeorm';

const parts: Readonly<Record<string, string>> = {
  execution: `SELECT e.xmin, to_jsonb(e) - 'input' - 'facts' AS execution FROM reeve.execution AS e WHERE id = $1`,
  steps: `SELECT s.xmin, to_jsonb(s) - 'input' - 'effects' AS step FROM reeve.step AS s WHERE execution_id = $1
    AND state <> 'pending' ORDER BY position`,
  attempts: `SELECT a.xmin, to_jsonb(a) AS attempt FROM reeve.attempt AS a WHERE execution_id = $1 ORDER BY started_at`,
  transitions: `SELECT t.xmin, to_jsonb(t) AS transition FROM transition AS t WHERE execution_id = $1 ORDER BY at`,
  events: `SELECT v.xmin, to_jsonb(v) AS event FROM reeve.event AS v WHERE execution_id = $1 ORDER BY id`,
  'other events of their transactions': `SELECT v.xmin, to_jsonb(v) AS event FROM reeve.event AS v
    WHERE v.xmin IN (SELECT w.xmin FROM reeve.event AS w WHERE w.execution_id = $1)
      AND v.execution_id IS DISTINCT FROM $1 ORDER BY id`,
};

/** All that the ledger knows of the first execution that a broken rule names; `xmin` says what was committed together. */
export async function storyOf(dataSource: DataSource, rows: readonly unknown[]): Promise<object[]> {
  const [row] = rows as readonly { readonly execution_id?: string; readonly id?: unknown }[];
  const id = row?.execution_id ?? row?.id;
  if (typeof id !== 'string' || !/^[0-9a-f-]{36}$/u.test(id)) return [];
  const told: object[] = [];
  for (const [part, sql] of Object.entries(parts)) {
    const found: object[] = await dataSource
      .query<object[]>(sql, [id])
      .catch((error: unknown) => [{ error: String(error) }]);
    told.push({ story: part, rows: found });
  }
  return told;
}
