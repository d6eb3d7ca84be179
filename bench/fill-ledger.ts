import pg from 'pg';

const batch = 10_000;

/**
 * Copies of the newest finished execution and of the newest one whose first step is delayed, until there are so many
 * finished and so many waiting steps. Straight into the tables: what is measured beside them was made by the engine.
 */
export async function fillLedger(
  url: string,
  { finished, waiting }: { readonly finished: number; readonly waiting: number },
): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`SET search_path = reeve; SET session_replication_role = replica; SET synchronous_commit = off`);
    await copyUntil(client, `state = 'succeeded'`, finished);
    await copyUntil(client, `id IN (SELECT execution_id FROM step WHERE state = 'delayed')`, waiting);
    await client.query('VACUUM (ANALYZE) execution, step, attempt');
    await client.query('CHECKPOINT');
  } finally {
    await client.end();
  }
}

async function copyUntil(client: pg.Client, which: string, steps: number): Promise<void> {
  const { rows } = await client.query<{ id: string; steps: number }>(
    `SELECT e.id, (SELECT count(*)::integer FROM step WHERE execution_id = e.id) AS steps FROM execution AS e
     WHERE ${which} ORDER BY e.id DESC LIMIT 1`,
  );
  const [template] = rows;
  if (template === undefined) throw new Error(`there is no execution to copy: ${which}`);
  const executions = Math.ceil(steps / template.steps);
  for (let from = 0; from < executions; from += batch) {
    const copies = Math.min(batch, executions - from);
    await client.query(
      'CREATE TEMPORARY TABLE copies AS SELECT gen_random_uuid() AS copy FROM generate_series(1, $1)'.replace(
        '$1',
        String(copies),
      ),
    );
    await copy(client, 'execution', 'id', template.id);
    await copy(client, 'step', 'execution_id', template.id);
    await copy(client, 'attempt', 'execution_id', template.id);
    await client.query('DROP TABLE copies');
  }
}

async function copy(client: pg.Client, table: string, key: string, template: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_schema = 'reeve' AND table_name = '${table}' AND is_generated = 'NEVER' AND column_name <> '${key}'`,
  );
  const columns = rows.map(({ name }) => name).join(', ');
  await client.query(
    `INSERT INTO ${table} (${key}, ${columns})
     SELECT copies.copy, ${rows.map(({ name }) => `t.${name}`).join(', ')}
     FROM copies CROSS JOIN (SELECT * FROM ${table} WHERE ${key} = '${template}') AS t`,
  );
}
