import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { ReeveError } from '../core/errors.ts';
import type { NativeFiles } from './native-files.ts';
import { errorCode } from './process-table.ts';
import type { ServerAccount } from './server-account.ts';
import { launch, type ServerProcess } from './server-process.ts';

/**
 * The superuser of every embedded server. Not "reeve": PostgreSQL looks for tables in the schema that is named like the
 * user first, and that one belongs to the ledger.
 */
export const superuser = 'reeve_admin';

/** A data directory and what it takes to run a server on it. */
export interface Cluster {
  readonly files: NativeFiles;
  readonly account: ServerAccount | undefined;
  readonly pgdata: string;
  /** Flags of the caller for the server. */
  readonly flags: readonly string[];
}

/** What a server must offer to be called ready. */
export interface Readiness {
  readonly port: number;
  readonly password: string;
  /** Made when it does not exist. */
  readonly database: string;
  readonly signal: AbortSignal;
}

/**
 * Runs initdb on the empty folder `pgdata`: UTF-8, byte order collation that does not depend on the system (`C.UTF-8`
 * of PostgreSQL itself), scram passwords for every connection, time zone UTC.
 *
 * @param passwordFile - The password of the superuser, in one line.
 */
export async function runInitdb(cluster: Cluster, passwordFile: string): Promise<void> {
  const args = [
    `--pgdata=${cluster.pgdata}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    // One call for the whole disk instead of a thousand: 0.1 s instead of 3 s on a slow one.
    ...(process.platform === 'linux' ? ['--sync-method=syncfs'] : []),
    ...(cluster.flags.some((flag) => /^(-c)?\s*fsync=off$/.test(flag)) ? ['--no-sync'] : []),
  ];
  const initdb = launch(cluster.files.initdb, args, cluster.account);
  const end = await initdb.ended;
  if (end === 'exit code 0') return;
  const output = initdb.output();
  if (output.includes('could not look up effective user ID')) {
    throw new ReeveError(
      'EMBEDDED_POSTGRES_FAILED',
      `PostgreSQL cannot run as uid ${String(process.getuid?.())}, which has no entry in /etc/passwd; add one, run as another user, or set DATABASE_URL to a server of your own`,
    );
  }
  throw new ReeveError('EMBEDDED_POSTGRES_FAILED', `initdb for ${cluster.pgdata} failed (${end}):\n${output}`);
}

/** Starts the server on 127.0.0.1 only, without a socket file; it does not accept connections yet. */
export function launchServer(cluster: Cluster, port: number): ServerProcess {
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=300'];
  if (process.platform === 'linux') settings.push('recovery_init_sync_method=syncfs');
  const defaults = settings.flatMap((setting) => ['-c', setting]);
  const args = ['-D', cluster.pgdata, '-p', String(port), ...defaults, ...cluster.flags];
  const server = launch(cluster.files.postgres, args, cluster.account);
  if (process.platform !== 'win32') return server;
  // Windows has no signals: there pg_ctl tells the server to stop.
  const stop = async (): Promise<void> => {
    const stopArgs = ['stop', '-D', cluster.pgdata, '-m', 'fast'];
    if (!server.hasEnded()) await promisify(execFile)(cluster.files.pgCtl, stopArgs, { windowsHide: true });
    await server.ended;
  };
  return { ...server, stop };
}

/**
 * Waits until the server answers, recovery after an unclean stop included, and has the database.
 *
 * @returns false when the server ended, or another one answers on the port.
 */
export async function becomesReady(server: ServerProcess, pgdata: string, wanted: Readiness): Promise<boolean> {
  for (;;) {
    wanted.signal.throwIfAborted();
    if (server.hasEnded()) return false;
    try {
      return await offers(pgdata, wanted);
    } catch (error) {
      const code = errorCode(error);
      // 57P03: it says that it is starting up. What else a PostgreSQL says, waiting does not mend; but it may be the
      // answer of another server that took the port, and then ours ends at once.
      if (code !== undefined && code !== 'ECONNREFUSED' && code !== 'ECONNRESET' && code !== '57P03') {
        await Promise.race([server.ended, pause(1_000)]);
        if (!server.hasEnded()) throw error;
      }
    }
    await Promise.race([server.ended, pause(20)]);
  }
}

async function offers(pgdata: string, { port, password, database }: Readiness): Promise<boolean> {
  const client = new Client({
    host: '127.0.0.1',
    port,
    user: superuser,
    password,
    database: 'postgres',
    ssl: false,
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const shown = await client.query<{ data_directory: string }>('SHOW data_directory');
    if (process.platform !== 'win32' && shown.rows[0]?.data_directory !== pgdata) return false;
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
    return true;
  } finally {
    await client.end().catch(() => undefined);
  }
}
