import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { ProbeNotice, ProbeReport, ProbeSettings } from './probe-messages.ts';

/**
 * The thread of the probes: it answers while the main thread hangs, which is when it matters.
 */
const { host, port, hungMs } = workerData as ProbeSettings;
const metricsWaitMs = 2_000;

let last: ProbeReport = { unready: ['it has just started'] };
let heardAt = performance.now();
let metrics = '';
const asking = new Set<() => void>();

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
const tell = (notice: ProbeNotice): void => parentPort?.postMessage(notice);

parentPort?.on('message', (report: ProbeReport) => {
  heardAt = performance.now();
  last = report;
  if (report.metrics === undefined) return;
  metrics = report.metrics;
  for (const done of asking) done();
  asking.clear();
});

const silentMs = (): number => performance.now() - heardAt;
const isHung = (): boolean => silentMs() > hungMs;
const hungText = (): string => `the event loop has been blocked for ${Math.round(silentMs() / 1_000)} s\n`;

function answer(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(text);
}

/** The newest that the main thread can give; while it hangs, what it said last, with a gauge that tells how old that is. */
async function currentMetrics(): Promise<string> {
  const asked = Promise.withResolvers<void>();
  const timer = setTimeout(() => asked.resolve(), metricsWaitMs);
  asking.add(() => asked.resolve());
  tell({ kind: 'metrics' });
  await asked.promise;
  clearTimeout(timer);
  const name = 'reeve_event_loop_silent_seconds';
  const help = `# HELP ${name} Seconds since the main thread gave a sign of life.\n# TYPE ${name} gauge\n`;
  return `${metrics}${help}${name} ${(silentMs() / 1_000).toFixed(3)}\n`;
}

const server = createServer((request, response) => {
  // Not parsed as a URL: what is none would end this thread.
  const [path] = (request.url ?? '/').split('?', 1);
  if (path === '/livez') return isHung() ? answer(response, 503, hungText()) : answer(response, 200, 'ok\n');
  if (path === '/readyz') {
    if (isHung()) return answer(response, 503, hungText());
    if (last.unready.length > 0) return answer(response, 503, `${last.unready.join('\n')}\n`);
    return answer(response, 200, 'ok\n');
  }
  if (path === '/metrics') {
    currentMetrics().then(
      (text) => answer(response, 200, text, 'text/plain; version=0.0.4; charset=utf-8'),
      (error: unknown) => answer(response, 500, String(error)),
    );
    return undefined;
  }
  return answer(response, 404, 'there are /livez, /readyz and /metrics\n');
});

server.on('error', (error) => tell({ kind: 'refused', message: error.message }));
server.listen(port, host, () => tell({ kind: 'listening', port: (server.address() as AddressInfo).port }));
