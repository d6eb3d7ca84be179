import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync } from 'node:fs';
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '../../src/embedded/start-embedded-postgres.ts';
import { UsageError } from './demo-options.ts';
import { ownDatabase } from './manifest-rules.ts';
import { onConnection } from './server-connection.ts';

/** Where a run has its files and its tables. */
export interface Workplace {
  readonly folder: string;
  readonly secretsFile: string;
  readonly logFile: string;
  /** A file descriptor of the log file. */
  readonly log: number;
  /** The database of ledger and rows, on the embedded server or on the given one. */
  readonly url: string;
  readonly server: 'embedded' | 'given';
}

export interface WorkplaceOptions {
  readonly keep: string | undefined;
  /** A server of the user's; undefined for an embedded one. */
  readonly givenUrl: string | undefined;
  readonly notice: (text: string) => void;
}

/** Makes folder, server and database; the stack takes away again what is not to be kept, in the opposite order. */
export async function makeWorkplace(stack: AsyncDisposableStack, options: WorkplaceOptions): Promise<Workplace> {
  const { keep, givenUrl, notice } = options;
  const folder = await makeFolder(stack, keep);
  const logFile = path.join(folder, 'workers.log');
  const log = openSync(logFile, 'a', 0o600);
  stack.defer(() => closeSync(log));
  const url =
    givenUrl === undefined
      ? (await embeddedServer(stack, folder, keep !== undefined, notice)).url
      : await databaseOn(stack, givenUrl, keep !== undefined);
  const secretsFile = path.join(folder, 'secrets.json');
  return { folder, secretsFile, logFile, log, url, server: givenUrl === undefined ? 'embedded' : 'given' };
}

/** Starts the server of a folder that an earlier run kept. */
export async function openKept(
  stack: AsyncDisposableStack,
  folder: string,
  notice: (text: string) => void,
): Promise<{ url: string; dataDir: string }> {
  const names: string[] = await readdir(folder).catch(() => []);
  if (!names.includes('postgres')) throw new UsageError(`--open ${folder}: no run of the demo kept a server there`);
  return embeddedServer(stack, path.resolve(folder), true, notice);
}

/** @throws UsageError for a folder with anything in it. */
export async function requireEmpty(keep: string): Promise<void> {
  const found: string[] = await readdir(path.resolve(keep)).catch((error: unknown) => {
    if (Error.isError(error) && 'code' in error && error.code === 'ENOENT') return [];
    throw new UsageError(`--keep ${keep}: this is not a folder that can be used`);
  });
  if (found.length > 0) throw new UsageError(`--keep ${keep}: the folder is not empty; name a new or an empty one`);
}

/** Others may pass through it, since the server may run as another user, but not list it; the secrets are 0600. */
async function makeFolder(stack: AsyncDisposableStack, keep: string | undefined): Promise<string> {
  const folder = path.resolve(keep ?? path.join(tmpdir(), `reeve-demo-${randomBytes(6).toString('hex')}`));
  await mkdir(folder, { recursive: true });
  if (keep === undefined) removeAtEnd(stack, folder);
  await chmod(folder, 0o711);
  return folder;
}

/** At a second Ctrl+C there is no time to wait for the server, so what can be removed then is removed then. */
function removeAtEnd(stack: AsyncDisposableStack, folder: string): void {
  const removeNow = (): void => {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      process.stderr.write(`${folder} could not be removed\n`);
    }
  };
  process.once('exit', removeNow);
  stack.defer(async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    process.off('exit', removeNow);
  });
}

async function embeddedServer(
  stack: AsyncDisposableStack,
  folder: string,
  persistent: boolean,
  notice: (text: string) => void,
): Promise<{ url: string; dataDir: string }> {
  const server = await startEmbeddedPostgres({
    dataDir: path.join(folder, 'postgres'),
    database: ownDatabase,
    persistent,
    onNotice: notice,
    postgresFlags: ['-c', 'max_connections=200'],
  });
  stack.defer(() => server.stop());
  return { url: server.url, dataDir: server.dataDir };
}

/** A database of the demo's own, so that nothing of the user's is touched. */
async function databaseOn(stack: AsyncDisposableStack, givenUrl: string, keep: boolean): Promise<string> {
  const known = await rowsOn(givenUrl, 'SELECT 1 FROM pg_database WHERE datname = $1', [ownDatabase]);
  if (known > 0) {
    throw new Error(
      `the server of DATABASE_URL has a database "${ownDatabase}" already, which an earlier run kept; drop it first`,
    );
  }
  await rowsOn(givenUrl, `CREATE DATABASE ${ownDatabase}`);
  if (!keep) {
    stack.defer(async () => {
      await rowsOn(givenUrl, `DROP DATABASE IF EXISTS ${ownDatabase} WITH (FORCE)`);
    });
  }
  const url = new URL(givenUrl);
  url.pathname = `/${ownDatabase}`;
  return url.href;
}

async function rowsOn(url: string, sql: string, values: unknown[] = []): Promise<number> {
  return onConnection(url, async (client) => (await client.query(sql, values)).rowCount ?? 0);
}
