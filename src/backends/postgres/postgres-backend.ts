import type { Client } from 'pg';
import type { SecretResolver } from '../secrets.ts';
import { onServer, onServerFor, type ServerAddress } from './connection.ts';
import {
  createDatabase,
  dropDatabase,
  listDatabases,
  renameDatabase,
  resizeDatabase,
  type ServerDatabase,
} from './databases.ts';
import { checkName, checkTemplateName } from './names.ts';
import type { ProvisionedDatabase } from './ownership.ts';
import { createRole, dropRole, grant, type Privilege } from './roles.ts';
import { scramVerifier } from './scram.ts';
import { sqlStateOf } from './sqlstate.ts';

/** It does not exist, it lets nobody in, the server is starting up. */
const notReadyStates = new Set(['3D000', '55000', '57P03']);

export interface PostgresBackendOptions {
  /**
   * A superuser, or a user with CREATEDB and CREATEROLE; a function is asked before each call. It leads to the server
   * itself: a pooler in transaction mode breaks the locks that keep repeated calls apart.
   */
  readonly url: string | (() => string | Promise<string>);
  readonly secrets: SecretResolver;
  /** When aborted, calls under way end with its reason; what the server has begun it may still finish. */
  readonly signal?: AbortSignal;
  /** Default 10 s. */
  readonly connectTimeoutMs?: number;
}

/**
 * Databases with an owner role each on a PostgreSQL server from version 15.
 *
 * Every call may be repeated after a crash: work that is done is found done. Only roles that carry the comment
 * `reeve:<resource id>`, and databases that such a role owns, are ever changed. Each call takes one connection.
 *
 * All methods throw BACKEND_UNAVAILABLE (retryable) when the server does not answer or is busy, and BACKEND_REJECTED
 * when it or Reeve refuses; a password is in none of them.
 */
export class PostgresBackend {
  readonly #server: ServerAddress;
  readonly #secrets: SecretResolver;

  constructor(options: PostgresBackendOptions) {
    this.#secrets = options.secrets;
    this.#server = {
      url: options.url,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
  }

  /** A role that can log in with the password of `db.secretRef`; repeating it sets the password again. */
  async createRole(db: ProvisionedDatabase): Promise<{ role: string }> {
    const verifier = await scramVerifier(await this.#secrets.resolve(db.secretRef));
    await this.#change(db, `creating role "${db.role}"`, (client) => createRole(client, db, verifier));
    return { role: db.role };
  }

  /**
   * The database, owned by the role, with the connection limit of `db`; one that exists already keeps its limit.
   *
   * @throws BACKEND_NOT_FOUND when the role does not exist.
   */
  async createDatabase(
    db: ProvisionedDatabase,
    options: { readonly template?: string } = {},
  ): Promise<{ name: string }> {
    if (options.template !== undefined) checkTemplateName(options.template);
    await this.#change(db, `creating database "${db.name}"`, (client) => createDatabase(client, db, options.template));
    return { name: db.name };
  }

  /** @throws BACKEND_NOT_FOUND when the database does not exist. */
  async grant(
    db: ProvisionedDatabase,
    options: { readonly to: string; readonly privileges: readonly Privilege[] },
  ): Promise<void> {
    checkName('role', options.to);
    await this.#change(db, `granting privileges on database "${db.name}" to "${options.to}"`, (client) =>
      grant(client, db, options.to, options.privileges),
    );
  }

  /** Whether the database lets the backend in and answers a query. */
  async isReady(db: ProvisionedDatabase): Promise<boolean> {
    checkName('database', db.name);
    try {
      const query = (client: Client) =>
        client.query<{ same: boolean }>('SELECT current_database() = $1 AS same', [db.name]);
      const { rows } = await onServer(this.#server, `connecting to database "${db.name}"`, query, db.name);
      return rows[0]?.same === true;
    } catch (error) {
      if (notReadyStates.has(sqlStateOf(error) ?? '')) return false;
      throw error;
    }
  }

  /**
   * @param options - `connectionLimit` from -1 (no limit) to 1,000,000.
   * @throws BACKEND_NOT_FOUND when the database does not exist.
   */
  async resize(db: ProvisionedDatabase, options: { readonly connectionLimit: number }): Promise<void> {
    await this.#change(db, `resizing database "${db.name}"`, (client) =>
      resizeDatabase(client, db, options.connectionLimit),
    );
  }

  /**
   * `db.name` is the old name. While anybody is connected to the database it fails as BACKEND_UNAVAILABLE.
   *
   * @throws BACKEND_NOT_FOUND when neither the old nor the new name exists.
   */
  async renameDatabase(db: ProvisionedDatabase, options: { readonly to: string }): Promise<{ name: string }> {
    checkName('database', options.to);
    await this.#change(db, `renaming database "${db.name}" to "${options.to}"`, (client) =>
      renameDatabase(client, db, options.to),
    );
    return { name: options.to };
  }

  /** Ends the sessions in it. `dropped` is false when there was no such database. */
  async dropDatabase(db: ProvisionedDatabase): Promise<{ dropped: boolean }> {
    return { dropped: await this.#change(db, `dropping database "${db.name}"`, (client) => dropDatabase(client, db)) };
  }

  /** Refused while the role owns anything; `dropped` is false when there was no such role. */
  async dropRole(db: ProvisionedDatabase): Promise<{ dropped: boolean }> {
    return { dropped: await this.#change(db, `dropping role "${db.role}"`, (client) => dropRole(client, db)) };
  }

  /** Every database of the server but the templates, by name; not only those of Reeve. */
  async listDatabases(): Promise<ServerDatabase[]> {
    return onServer(this.#server, 'listing the databases', listDatabases);
  }

  async #change<T>(db: ProvisionedDatabase, attempted: string, work: (client: Client) => Promise<T>): Promise<T> {
    checkName('role', db.role);
    checkName('database', db.name);
    return onServerFor(this.#server, db, attempted, work);
  }
}
