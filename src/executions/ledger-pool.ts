import { Pool, type PoolClient, type PoolConfig } from 'pg';
import type { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { atMost } from '../core/at-most.ts';
import { ReeveError } from '../core/errors.ts';
import type { Logger } from '../core/logging.ts';
import type { Connection, Rows } from './connection.ts';
import { isStalePlan, prepared } from './prepared-statement.ts';
import { isConflictError, isConnectionError } from './sql-state.ts';

const maxTries = 10;
const closeTimeoutMs = 5_000;
const statementTimeoutMs = 15_000;
/**
 * The server ends a statement before that: when no answer has come by then, the connection is dead, and nobody has
 * said so (a firewall that forgot it, a machine that is gone). Without this limit its statement would wait for ever.
 */
export const answerTimeoutMs = 20_000;

/**
 * What the engine asks for it finds by keys, and each connection keeps its plans. In a ledger that is small when they are
 * made it would cost no more to read whole tables, and soon very much more: so it counts how many rows are looked at.
 */
export const byKeys = `-c enable_seqscan=off -c random_page_cost=0.1 -c cpu_tuple_cost=0.1 -c cpu_index_tuple_cost=0.1 -c jit=off`;

/** For statements that do read whole tables: each is a transaction of its own, so that none keeps its locks for the others. */
export function wholeTables(pool: LedgerPool): Connection {
  return {
    schema: pool.schema,
    query: (text, params) =>
      pool.transaction(async (connection) => {
        await connection.query('SET LOCAL enable_seqscan = on');
        await connection.query('SET LOCAL seq_page_cost = 0.1');
        return connection.query(text, params);
      }),
  };
}

/** COMMIT was sent and no answer came: the transaction is either whole or not there at all. */
export class CommitUnknown extends Error {}

/**
 * The engine's own connections, apart from the pools of user code: a task that leaks connections or a long report
 * must not cost anybody's lease.
 *
 * Statements run outside a transaction unless inside `transaction`, whose function may be called several times:
 * serialisation failures, deadlocks and lock timeouts are tried again up to ten times. A connection that does not answer
 * for 20 s (`query_timeout` of the driver) counts as lost. When the connection is lost during COMMIT it throws {@link CommitUnknown}, and the caller must look whether its write is there.
 */
export class LedgerPool implements Connection {
  readonly schema: string;
  readonly #pool: Pool;

  constructor(config: PoolConfig, schema: string, logger: Logger) {
    this.schema = checkedSchema(schema);
    this.#pool = new Pool({
      application_name: 'reeve',
      connectionTimeoutMillis: 10_000,
      query_timeout: answerTimeoutMs,
      keepAlive: true,
      ...config,
      options: [
        `${config.options ?? ''} -c statement_timeout=${statementTimeoutMs} -c lock_timeout=5s`,
        `-c idle_in_transaction_session_timeout=10s ${byKeys}`,
      ].join(' '),
    });
    this.#pool.on('error', (error) => logger.debug({ event: 'ledger.connection' }, error.message));
    surviveLostConnections(this.#pool);
  }

  async query<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Rows<Row>> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const result = await this.#pool.query<Row>(prepared(text, params));
        return { rows: result.rows, count: result.rowCount ?? 0 };
      } catch (error) {
        // The pool has closed that connection.
        if (!isStalePlan(error) || attempt >= maxTries) throw error;
      }
    }
  }

  async transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#once(work);
      } catch (error) {
        if (!(isConflictError(error) || isStalePlan(error)) || attempt >= maxTries) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * attempt));
      }
    }
  }

  async #once<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    const scope = { isOver: false };
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const result = await work(clientConnection(client, this.schema, scope));
      scope.isOver = true;
      await commit(client);
      return result;
    } catch (error) {
      scope.isOver = true;
      broken = await rollback(client, error);
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** Within 5 s, also where connections are dead and their end is never confirmed. */
  async close(): Promise<void> {
    await atMost(this.#pool.end(), closeTimeoutMs);
  }
}

/**
 * A connection that is lost while it is lent out and idle, or in the very moment in which it is lent out, would end the
 * process: pg-pool listens only while it has it itself. The statement that is under way, or the next one, fails anyway.
 */
export function surviveLostConnections(pool: Pick<Pool, 'on'>): void {
  if (surviving.has(pool)) return;
  surviving.add(pool);
  pool.on('connect', (client) => client.on('error', ignoreError));
}

const surviving = new WeakSet<object>();

function ignoreError(): void {}

/** The same for the pool of an application's DataSource, in whose transactions operations are started. */
export function surviveConnectionsLostBy(dataSource: DataSource): void {
  surviveLostConnections((dataSource.driver as PostgresDriver).master as Pool);
}

/** What is asked once the transaction is over is refused: it would be committed by itself, or in a stranger's transaction. */
function clientConnection(client: PoolClient, schema: string, scope: { readonly isOver: boolean }): Connection {
  return {
    schema,
    async query<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Rows<Row>> {
      if (scope.isOver) throw new Error('a statement came after the end of its transaction');
      const result = await client.query<Row>(prepared(text, params));
      return { rows: result.rows, count: result.rowCount ?? 0 };
    },
  };
}

async function commit(client: PoolClient): Promise<void> {
  try {
    await client.query('COMMIT');
  } catch (error) {
    if (isConnectionError(error)) throw new CommitUnknown('the connection was lost during COMMIT', { cause: error });
    throw error;
  }
}

async function rollback(client: PoolClient, cause: unknown): Promise<Error | undefined> {
  if (Error.isError(cause) && (isConnectionError(cause) || isStalePlan(cause) || cause instanceof CommitUnknown))
    return cause;
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (error) {
    return Error.isError(error) ? error : new Error(String(error));
  }
}

/** The name of the ledger's schema, which stands in the text of statements and so must be a plain lower-case name. */
export function checkedSchema(schema: string): string {
  if (schema.startsWith('pg_')) {
    throw new ReeveError(
      'CONFIGURATION_INVALID',
      `schema is "${schema}"; PostgreSQL keeps names that begin with "pg_" for itself`,
    );
  }
  if (/^[a-z_][a-z0-9_]{0,47}$/.test(schema)) return schema;
  throw new ReeveError(
    'CONFIGURATION_INVALID',
    `schema is ${JSON.stringify(schema)}; use up to 48 lower-case letters, digits and "_", not a digit first`,
  );
}

/** How to reach the database of a TypeORM DataSource, for pools of the engine's own. */
export function poolConfigOf(dataSource: DataSource): PoolConfig {
  const options = dataSource.options;
  if (options.type !== 'postgres') {
    throw new ReeveError('CONFIGURATION_INVALID', `dataSource is of type "${options.type}"; Reeve needs "postgres"`);
  }
  const master = options.replication?.master ?? options;
  return { ...engineExtra(options.extra), ...credentials(master) };
}

/** For heartbeats: a dead connection is given up early enough for another one within the lease. */
export function heartbeatConfigOf(config: PoolConfig, leaseMs: number): PoolConfig {
  const answerMs = Math.min(config.query_timeout ?? answerTimeoutMs, Math.max(1_000, leaseMs / 2));
  return { ...config, max: 2, query_timeout: answerMs };
}

/** What an application passes to the driver beside TypeORM's own options, such as `options` or `ssl`; not its pool size. */
function engineExtra(extra: unknown): PoolConfig {
  if (extra === null || typeof extra !== 'object') return {};
  const { max: _max, min: _min, ...rest } = extra as PoolConfig;
  return rest;
}

interface Credentials {
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly username?: string | undefined;
  readonly password?: PoolConfig['password'] | (() => string) | (() => Promise<string>);
  readonly database?: string | undefined;
  readonly ssl?: unknown;
}

function credentials(options: Credentials): PoolConfig {
  const config: PoolConfig = {};
  if (options.url !== undefined) config.connectionString = options.url;
  if (options.host !== undefined) config.host = options.host;
  if (options.port !== undefined) config.port = options.port;
  if (options.username !== undefined) config.user = options.username;
  if (options.password !== undefined) config.password = options.password;
  if (options.database !== undefined) config.database = options.database;
  if (options.ssl !== undefined) config.ssl = options.ssl as NonNullable<PoolConfig['ssl']>;
  return config;
}
