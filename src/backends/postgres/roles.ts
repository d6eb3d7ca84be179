import type { Client } from 'pg';
import { backendRejected } from '../backend-error.ts';
import { type ProvisionedDatabase, ownRoleExists, requireOwnDatabase, roleMark } from './ownership.ts';

const privileges = ['CONNECT', 'CREATE', 'TEMPORARY'] as const;

export type Privilege = (typeof privileges)[number];

/** Makes or repairs the login role: mark and role come in one transaction, so no crash leaves a role without owner. */
export async function createRole(client: Client, db: ProvisionedDatabase, verifier: string): Promise<void> {
  const role = client.escapeIdentifier(db.role);
  const settings = `LOGIN PASSWORD ${client.escapeLiteral(verifier)}`;
  await client.query('BEGIN');
  if (await ownRoleExists(client, db)) {
    await client.query(`ALTER ROLE ${role} ${settings}`);
  } else {
    await client.query(`CREATE ROLE ${role} ${settings}`);
    await client.query(`COMMENT ON ROLE ${role} IS ${client.escapeLiteral(roleMark(db))}`);
  }
  await client.query('COMMIT');
}

/** A user that is no superuser may hand a database only to a role that it is a member of. */
export async function joinRole(client: Client, role: string): Promise<void> {
  const { rows } = await client.query<{ isSuperuser: boolean }>(
    'SELECT rolsuper AS "isSuperuser" FROM pg_roles WHERE rolname = current_user',
  );
  if (rows[0]?.isSuperuser !== true) await client.query(`GRANT ${client.escapeIdentifier(role)} TO CURRENT_USER`);
}

export async function grant(
  client: Client,
  db: ProvisionedDatabase,
  to: string,
  wanted: readonly Privilege[],
): Promise<void> {
  const unknown = wanted.filter((privilege) => !privileges.includes(privilege));
  if (wanted.length === 0 || unknown.length > 0) {
    throw backendRejected(
      `privileges [${unknown.join(', ')}] cannot be granted on a database; give one or more of ${privileges.join(', ')}`,
    );
  }
  await requireOwnDatabase(client, db);
  await client.query(
    `GRANT ${wanted.join(', ')} ON DATABASE ${client.escapeIdentifier(db.name)} TO ${client.escapeIdentifier(to)}`,
  );
}

/** @returns false when there was no such role. */
export async function dropRole(client: Client, db: ProvisionedDatabase): Promise<boolean> {
  if (!(await ownRoleExists(client, db))) return false;
  await client.query(`DROP ROLE ${client.escapeIdentifier(db.role)}`);
  return true;
}
