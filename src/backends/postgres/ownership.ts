import type { Client } from 'pg';
import { backendNotFound, backendRejected } from '../backend-error.ts';

/** A database with its owner role, as a resource describes it. The role and the database belong to it alone. */
export interface ProvisionedDatabase {
  /** The id of the resource; the role is marked with it on the server. */
  readonly id: string;
  readonly name: string;
  readonly role: string;
  /** Names the password of the role. */
  readonly secretRef: string;
  /** Connections at the same time; none given or -1 is no limit. */
  readonly connectionLimit?: number | null;
}

/** What the server knows of a database. */
export interface FoundDatabase {
  readonly owner: string;
  readonly isOurs: boolean;
  /** -2 is a database whose dropping was interrupted; PostgreSQL lets nobody in. */
  readonly connectionLimit: number;
}

/** The comment on a role that makes it the role of that resource. */
export function roleMark(db: ProvisionedDatabase): string {
  return `reeve:${db.id}`;
}

/**
 * Whether the role exists as the role of this resource.
 *
 * @throws BACKEND_REJECTED when a role of that name belongs to somebody else.
 */
export async function ownRoleExists(client: Client, db: ProvisionedDatabase): Promise<boolean> {
  const { rows } = await client.query<{ mark: string | null }>(
    `SELECT shobj_description(oid, 'pg_authid') AS mark FROM pg_roles WHERE rolname = $1`,
    [db.role],
  );
  const found = rows[0];
  if (found === undefined) return false;
  if (found.mark === roleMark(db)) return true;
  const owner = found.mark?.startsWith('reeve:')
    ? `belongs to the resource ${found.mark.slice('reeve:'.length)}`
    : 'was not made by Reeve';
  throw backendRejected(
    `role "${db.role}" exists on the server and ${owner}; choose another role name for the resource ${db.id}`,
  );
}

export async function findDatabase(
  client: Client,
  db: ProvisionedDatabase,
  name: string,
): Promise<FoundDatabase | undefined> {
  const { rows } = await client.query<{ owner: string; mark: string | null; limit: number }>(
    `SELECT r.rolname AS owner, shobj_description(r.oid, 'pg_authid') AS mark, d.datconnlimit AS limit
     FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = $1`,
    [name],
  );
  const found = rows[0];
  if (found === undefined) return undefined;
  return {
    owner: found.owner,
    isOurs: found.owner === db.role && found.mark === roleMark(db),
    connectionLimit: found.limit,
  };
}

/**
 * The database of the resource, to be changed by the caller.
 *
 * @throws BACKEND_NOT_FOUND when there is none, BACKEND_REJECTED when it belongs to another role.
 */
export async function requireOwnDatabase(client: Client, db: ProvisionedDatabase): Promise<FoundDatabase> {
  const found = await findDatabase(client, db, db.name);
  if (found === undefined) throw backendNotFound(`database "${db.name}" does not exist on the server`);
  if (!found.isOurs) {
    throw backendRejected(
      `database "${db.name}" belongs to "${found.owner}", not to the role "${db.role}" of the resource ${db.id}; nothing was changed`,
    );
  }
  return found;
}
