/**
 * The main module of the small process that owns an embedded server, started by `startEmbeddedPostgres`.
 *
 * The server must outlive a Ctrl+C of the program that uses it, so that a worker can finish its steps, but not the
 * program itself. So this process ignores signals, and stops the server when it is told to or when the channel to the
 * program closes, which the system does however the program ends.
 */
import type { HostReport, HostRequest, StartRequest } from './host-messages.ts';
import { runServer, type RunningServer } from './run-server.ts';

const aborted = new AbortController();
let running: Promise<RunningServer | undefined> = Promise.resolve(undefined);
let isEnding = false;
let reported = Promise.resolve();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

process.on('message', (request: HostRequest) => {
  if (request.type === 'stop') end();
  else running = start(request);
});
process.on('disconnect', end);
process.on('uncaughtException', (error) => {
  report({ type: 'failed', message: String(error) });
  end();
});
if (!process.connected) end();

async function start(request: StartRequest): Promise<RunningServer | undefined> {
  try {
    const host = await runServer(request, (text) => report({ type: 'notice', text }), aborted.signal);
    report({ type: 'ready', url: host.url, port: host.port, dataDir: host.dataDir });
    watch(host);
    return host;
  } catch (error) {
    report({ type: 'failed', message: Error.isError(error) ? error.message : String(error) });
    end();
    return undefined;
  }
}

/** A server that ends by itself is not started again: what killed it should be seen. */
function watch({ server, port }: RunningServer): void {
  server.ended.then((how) => {
    if (isEnding) return;
    const output = server.output().split('\n').slice(-5).join('\n');
    report({ type: 'notice', text: `PostgreSQL on port ${port} ended by itself (${how}):\n${output}` });
    end();
  }, end);
}

/** In the background, since a start that is still at work must come to its end first. */
function end(): void {
  if (isEnding) return;
  isEnding = true;
  aborted.abort();
  running
    .then((host) => host?.close())
    .then(
      () => leave(0),
      () => leave(1),
    );
}

/** What was reported must have left this process before it ends. */
async function leave(exitCode: number): Promise<void> {
  await reported;
  process.exit(exitCode);
}

function report(message: HostReport): void {
  reported = new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}
