import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { backendRejected } from '../backend-error.ts';
import { asBackendError } from './sqlstate.ts';

const endWaitMs = 1_000;
const lockTimeoutMs = 30_000;

/** How to reach a server; a function as `url` is asked before each connection, for passwords that change. */
export interface ServerAddress {
  readonly url: string | (() => string | Promise<string>);
  readonly connectTimeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Runs `work` on a connection of its own, which is closed before this returns.
 *
 * @param attempted - What `work` does, for errors: `creating database "x"`.
 * @param database - In place of the database of the URL.
 * @throws what `asBackendError` makes of an error; the reason of the signal when that was aborted.
 */
export async function onServer<T>(
  server: ServerAddress,
  attempted: string,
  work: (client: Client) => Promise<T>,
  database?: string,
): Promise<T> {
  const { signal } = server;
  signal?.throwIfAborted();
  const client = clientFor(
    typeof server.url === 'string' ? server.url : await server.url(),
    server.connectTimeoutMs,
    database,
  );
  // An error between two queries has no other listener and would end the process; the next query fails anyway.
  client.on('error', () => undefined);

  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    aborted.reject(signal?.reason);
    client.connection.stream.destroy();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  const result = (async () => {
    signal?.throwIfAborted();
    await client.connect();
    return work(client);
  })();
  try {
    return await Promise.race([result, aborted.promise]);
  } catch (error) {
    result.catch(() => undefined);
    signal?.throwIfAborted();
    throw asBackendError(error, attempted, `${client.host}:${client.port}`);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await closeClient(client);
  }
}

/**
 * As `onServer`, with no other call for the same resource at work on the server, in whichever process: a repeated call
 * waits for the end of the first, even when the worker that made the first is dead. Waits 30 s at most, then fails as
 * BACKEND_UNAVAILABLE.
 */
export async function onServerFor<T>(
  server: ServerAddress,
  resource: { readonly id: string },
  attempted: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  return onServer(server, attempted, async (client) => {
    await client.query("SELECT set_config('lock_timeout', $1, false)", [`${lockTimeoutMs}ms`]);
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`reeve backend ${resource.id}`]);
    return work(client);
  });
}

function clientFor(url: string, connectTimeoutMs: number, database: string | undefined): Client {
  let client: Client;
  try {
    client = new Client({
      connectionString: url,
      connectionTimeoutMillis: connectTimeoutMs,
      application_name: 'reeve',
    });
  } catch {
    // The error of the parser may quote the URL.
    throw backendRejected(
      'the URL of the backend is not a valid PostgreSQL URL; write postgres://user:password@host:port/database',
    );
  }
  if (database !== undefined) {
    // In a URL, pg does not decode every character that a database name may have.
    const { connectionParameters } = client as unknown as { connectionParameters: { database: string } };
    connectionParameters.database = database;
  }
  return client;
}

/** A server that is cut off never answers the goodbye. */
async function closeClient(client: Client): Promise<void> {
  const waiting = new AbortController();
  const closed = client.end().catch(() => undefined);
  const late = pause(endWaitMs, undefined, { signal: waiting.signal }).then(
    () => client.connection.stream.destroy(),
    () => undefined,
  );
  await Promise.race([closed, late]);
  waiting.abort();
}
