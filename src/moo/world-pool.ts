import { Pool, type PoolClient, type PoolConfig } from 'pg';
import { atMost } from '../core/at-most.ts';
import type { Logger } from '../core/logging.ts';
import type { Connection, Rows } from '../executions/connection.ts';
import { byKeys, surviveLostConnections } from '../executions/ledger-pool.ts';
import { isStalePlan, prepared } from '../executions/prepared-statement.ts';
import { isConnectionError } from '../executions/sql-state.ts';

/** COMMIT was sent and no answer came: whoever asks must look whether the completion of the step is there. */
export class WorldCommitUnknown extends Error {}

/**
 * Statement and lock timeouts of verbs: short, because a verb that waits holds what others want; but longer than
 * PostgreSQL takes to see that two wait for each other (1 s), so that one of them is run again instead of both refused.
 */
const statementTimeoutMs = 2_000;
const lockTimeoutMs = 1_500;
/**
 * The server ends a statement before that: when no answer has come by then, the connection is dead, and nobody has said
 * so. A task that waited on it would keep its place in the worker for ever.
 */
const answerTimeoutMs = 7_000;
const closeTimeoutMs = 5_000;

/** One connection of the pool inside a transaction. */
export interface WorldTransaction {
  readonly connection: Connection;
  commit(): Promise<void>;
  /** Gives the connection back; rolls back what was not committed. */
  end(): Promise<void>;
}

/**
 * The connections of verb tasks: a pool of their own, because each is held for the length of a task, and claims and
 * heartbeats must not wait behind user code.
 *
 * A connection that does not answer for 7 s (`query_timeout` of the driver) counts as lost.
 */
export class WorldPool implements Connection {
  readonly schema: string;
  readonly #pool: Pool;

  constructor(config: PoolConfig, options: { schema: string; size: number; taskMs: number; logger: Logger }) {
    const { schema, size, taskMs, logger } = options;
    this.schema = schema;
    const settings = {
      statement_timeout: statementTimeoutMs,
      lock_timeout: lockTimeoutMs,
      idle_in_transaction_session_timeout: taskMs + 5_000,
    };
    const flags = Object.entries(settings).map(([name, ms]) => `-c ${name}=${Math.ceil(ms)}ms`);
    // What verbs read they find by indexes, whatever the parameters: planned once for each connection, also while the
    // tables are so small that a plan for their size would be wrong soon.
    flags.push('-c plan_cache_mode=force_generic_plan', byKeys);
    this.#pool = new Pool({
      application_name: 'reeve-verbs',
      connectionTimeoutMillis: 10_000,
      query_timeout: answerTimeoutMs,
      keepAlive: true,
      ...config,
      max: size,
      options: [config.options ?? '', ...flags].join(' '),
    });
    this.#pool.on('error', (error) => logger.debug({ event: 'world.connection' }, error.message));
    surviveLostConnections(this.#pool);
  }

  async query<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Rows<Row>> {
    return rowsOf(await this.#pool.query<Row>(prepared(text, params)));
  }

  async begin(): Promise<WorldTransaction> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
    } catch (error) {
      client.release(true);
      throw error;
    }
    return new OpenTransaction(client, this.schema);
  }

  /** Within 5 s, also where connections are dead and their end is never confirmed. */
  async close(): Promise<void> {
    await atMost(this.#pool.end(), closeTimeoutMs);
  }
}

class OpenTransaction implements WorldTransaction {
  readonly connection: Connection;
  readonly #client: PoolClient;
  #isOver = false;
  #isEnded = false;
  #isStale = false;
  #isLost = false;

  constructor(client: PoolClient, schema: string) {
    this.#client = client;
    const look = (error: unknown): void => this.#look(error);
    const check = (): void => this.#check();
    this.connection = {
      schema,
      async query<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Rows<Row>> {
        check();
        try {
          return rowsOf(await client.query<Row>(prepared(text, params)));
        } catch (error) {
          look(error);
          throw error;
        }
      },
    };
  }

  async commit(): Promise<void> {
    this.#isOver = true;
    try {
      await this.#client.query('COMMIT');
    } catch (error) {
      this.#isOver = false;
      this.#look(error);
      if (isConnectionError(error))
        throw new WorldCommitUnknown('the connection was lost during COMMIT', { cause: error });
      throw error;
    }
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    let isBroken = this.#isLost;
    if (!this.#isOver && !this.#isLost)
      isBroken = await this.#client.query('ROLLBACK').then(
        () => false,
        () => true,
      );
    this.#client.release(isBroken || this.#isStale);
  }

  /**
   * A host call may be in the middle of its statements when the sandbox is killed and the task is rolled back. What it
   * asks after that would be committed by itself, or belong to whoever has the connection next.
   */
  #check(): void {
    if (this.#isOver || this.#isEnded) throw new Error('the transaction of this task is over');
  }

  #look(error: unknown): void {
    this.#isStale ||= isStalePlan(error);
    this.#isLost ||= isConnectionError(error);
  }
}

function rowsOf<Row extends object>(result: { rows: Row[]; rowCount: number | null }): Rows<Row> {
  return { rows: result.rows, count: result.rowCount ?? 0 };
}
