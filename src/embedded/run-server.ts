import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { ReeveError } from '../core/errors.ts';
import { initialise, isInitialised, openDataFolder, storedPassword } from './data-folder.ts';
import { claimFolder } from './folder-claim.ts';
import { freePort } from './free-port.ts';
import type { Notice, StartRequest } from './host-messages.ts';
import { nativeFiles } from './native-files.ts';
import { becomesReady, type Cluster, launchServer, runInitdb, superuser } from './server.ts';
import type { ServerProcess } from './server-process.ts';

const bindAttempts = 10;
const oldMemoryWaitMs = 15_000;

/** A server that accepts connections, with the claim on its folder. */
export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly server: ServerProcess;
  /** Stops the server, gives the folder back, and removes it when it was not to persist. */
  close(): Promise<void>;
}

/** Brings the server up from whatever state the folder is in; on failure nothing is left running. */
export async function runServer(request: StartRequest, notice: Notice, signal: AbortSignal): Promise<RunningServer> {
  const folder = await openDataFolder(request.dataDir, notice);
  const claim = await claimFolder(folder, request.startedBy, notice);
  const giveBack = async (): Promise<void> => {
    await claim.release();
    if (!request.persistent) await rm(folder.path, { recursive: true, force: true });
  };
  try {
    const { account, pgdata } = folder;
    const cluster = { files: await nativeFiles(account, notice), account, pgdata, flags: request.postgresFlags };
    signal.throwIfAborted();
    if (!(await isInitialised(folder, notice))) {
      await initialise(folder, (draft, passwordFile) => runInitdb({ ...cluster, pgdata: draft }, passwordFile));
    }
    const password = await storedPassword(folder);
    const isReady = (server: ServerProcess, port: number): Promise<boolean> =>
      becomesReady(server, pgdata, { port, password, database: request.database, signal });
    const { server, port } = await launchOnFreePort(cluster, request.port, notice, isReady);
    const close = async (): Promise<void> => {
      await server.stop();
      await giveBack();
    };
    return { url: urlOf(password, port, request.database), port, dataDir: folder.path, server, close };
  } catch (error) {
    await giveBack();
    throw error;
  }
}

async function launchOnFreePort(
  cluster: Cluster,
  wanted: number,
  notice: Notice,
  isReady: (server: ServerProcess, port: number) => Promise<boolean>,
): Promise<{ server: ServerProcess; port: number }> {
  const giveUpOnMemory = Date.now() + oldMemoryWaitMs;
  let bindFailures = 0;
  for (;;) {
    const port = await freePort(wanted === 0 ? 0 : wanted + bindFailures, notice);
    const server = launchServer(cluster, port);
    try {
      if (await isReady(server, port)) return { server, port };
    } catch (error) {
      await server.stop();
      throw error;
    }
    await server.stop();
    const output = server.output();
    // Another process took the port after it was found free.
    if (/could not bind|could not create any TCP/i.test(output) && ++bindFailures < bindAttempts) continue;
    // The children of a server that was killed need a moment to see it and to let go of its memory.
    if (output.includes('still in use') && Date.now() < giveUpOnMemory) {
      await pause(50);
      continue;
    }
    const how = await server.ended;
    throw new ReeveError(
      'EMBEDDED_POSTGRES_FAILED',
      `PostgreSQL did not start in ${cluster.pgdata} (${how}):\n${output}`,
    );
  }
}

function urlOf(password: string, port: number, database: string): string {
  return `postgres://${superuser}:${encodeURIComponent(password)}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
}
