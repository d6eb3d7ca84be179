import type { Client } from 'pg';
import { backendNotFound, backendRejected } from '../backend-error.ts';
import { checkedConnectionLimit } from './names.ts';
import { type ProvisionedDatabase, findDatabase, ownRoleExists, requireOwnDatabase } from './ownership.ts';
import { joinRole } from './roles.ts';

const droppedHalfWay = -2;

/** A database as the server reports it. */
export interface ServerDatabase {
  readonly name: string;
  readonly owner: string;
  /** -1 is no limit. */
  readonly connectionLimit: number;
  /** `null` where the user of the backend may not know it. */
  readonly sizeBytes: number | null;
  readonly acceptsConnections: boolean;
}

export async function createDatabase(
  client: Client,
  db: ProvisionedDatabase,
  template: string | undefined,
): Promise<void> {
  const limit = checkedConnectionLimit(db.connectionLimit);
  if (!(await ownRoleExists(client, db))) {
    throw backendNotFound(`the owner role "${db.role}" of database "${db.name}" does not exist; create the role first`);
  }
  const name = client.escapeIdentifier(db.name);
  if (await isDone(client, db, db.name)) return;
  if (template !== undefined) await requireTemplate(client, template);
  await joinRole(client, db.role);
  // The remains of an interrupted drop take the name and let nobody in.
  if ((await findDatabase(client, db, db.name)) !== undefined) await client.query(`DROP DATABASE ${name}`);
  try {
    await client.query(
      `CREATE DATABASE ${name} OWNER ${client.escapeIdentifier(db.role)}` +
        (template === undefined ? '' : ` TEMPLATE ${client.escapeIdentifier(template)}`) +
        ` CONNECTION LIMIT ${limit}`,
    );
  } catch (error) {
    // Somebody made it between the look and the statement: see whose it is.
    if (Error.isError(error) && 'code' in error && error.code === '42P04' && (await isDone(client, db, db.name)))
      return;
    throw error;
  }
}

/** Renames back and forth are told apart by what exists: a repeated call finds the work done. */
export async function renameDatabase(client: Client, db: ProvisionedDatabase, to: string): Promise<void> {
  if ((await findDatabase(client, db, db.name)) === undefined && (await isDone(client, db, to))) return;
  await requireOwnDatabase(client, db);
  if (to === db.name) return;
  const taken = await findDatabase(client, db, to);
  if (taken !== undefined) {
    throw backendRejected(
      `database "${to}" exists on the server and belongs to "${taken.owner}"; "${db.name}" was not renamed; choose another name`,
    );
  }
  await client.query(`ALTER DATABASE ${client.escapeIdentifier(db.name)} RENAME TO ${client.escapeIdentifier(to)}`);
}

export async function resizeDatabase(client: Client, db: ProvisionedDatabase, connectionLimit: number): Promise<void> {
  const limit = checkedConnectionLimit(connectionLimit);
  await requireOwnDatabase(client, db);
  await client.query(`ALTER DATABASE ${client.escapeIdentifier(db.name)} CONNECTION LIMIT ${limit}`);
}

/** @returns false when there was no such database. */
export async function dropDatabase(client: Client, db: ProvisionedDatabase): Promise<boolean> {
  if ((await findDatabase(client, db, db.name)) === undefined) return false;
  await requireOwnDatabase(client, db);
  await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(db.name)} WITH (FORCE)`);
  return true;
}

export async function listDatabases(client: Client): Promise<ServerDatabase[]> {
  const { rows } = await client.query<Omit<ServerDatabase, 'sizeBytes'> & { sizeBytes: string | null }>(
    `SELECT d.datname AS name, r.rolname AS owner, d.datconnlimit AS "connectionLimit",
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')
         THEN pg_database_size(d.oid) END AS "sizeBytes",
       d.datallowconn AND d.datconnlimit <> $1 AS "acceptsConnections"
     FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
     WHERE NOT d.datistemplate ORDER BY d.datname`,
    [droppedHalfWay],
  );
  return rows.map((row) => ({ ...row, sizeBytes: row.sizeBytes === null ? null : Number(row.sizeBytes) }));
}

/**
 * Whether a usable database of that name belongs to the role of the resource.
 *
 * @throws BACKEND_REJECTED when it belongs to another role.
 */
async function isDone(client: Client, db: ProvisionedDatabase, name: string): Promise<boolean> {
  const found = await findDatabase(client, db, name);
  if (found === undefined) return false;
  if (!found.isOurs) {
    throw backendRejected(
      `database "${name}" exists on the server and belongs to "${found.owner}"; choose another name in the manifest`,
    );
  }
  return found.connectionLimit !== droppedHalfWay;
}

async function requireTemplate(client: Client, template: string): Promise<void> {
  const known = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
  if (known.rowCount !== 0) return;
  const { rows } = await client.query<{ name: string }>(
    'SELECT datname AS name FROM pg_database WHERE datistemplate ORDER BY datname',
  );
  throw backendRejected(
    `template "${template}" does not exist on the server; the templates there are: ${rows.map((row) => row.name).join(', ')}`,
  );
}
