import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ReeveError } from '../core/errors.ts';
import type { Logger } from '../core/logging.ts';
import { registry } from '../core/metrics.ts';
import type { ProbeNotice, ProbeReport, ProbeSettings } from './probe-messages.ts';

export interface ProbeServerOptions extends ProbeSettings {
  readonly logger: Logger;
  /** Why the process should not be given work now; asked once a second. */
  readonly unready: () => readonly string[];
}

const reportEveryMs = 1_000;

/**
 * `/livez`, `/readyz` and `/metrics` of this process, answered by a thread of their own. A hung event loop fails liveness
 * after `hungMs`; an outage of a dependency fails readiness alone, because a restart would not mend it.
 */
export class ProbeServer {
  readonly port: number;
  readonly #thread: Worker;
  readonly #timer: NodeJS.Timeout;

  private constructor(thread: Worker, port: number, timer: NodeJS.Timeout) {
    this.#thread = thread;
    this.port = port;
    this.#timer = timer;
  }

  /** @throws PROBES_UNAVAILABLE when the port cannot be listened on. */
  static async start({ unready, logger, ...settings }: ProbeServerOptions): Promise<ProbeServer> {
    const thread = new Worker(threadFile(), { workerData: settings, name: 'reeve-probes' });
    thread.unref();
    const report = (metrics?: string): void => {
      const text: ProbeReport = { unready: unready(), ...(metrics === undefined ? {} : { metrics }) };
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      thread.postMessage(text);
    };
    const started = Promise.withResolvers<number>();
    const refuse = (why: string): void => {
      const message = `the probes cannot listen on ${settings.host}:${settings.port}: ${why}`;
      started.reject(new ReeveError('PROBES_UNAVAILABLE', message));
    };
    thread.on('error', (error) => {
      const why = Error.isError(error) ? error.message : String(error);
      logger.error({ event: 'probes.failed' }, `the thread of the probes has ended: ${why}`);
      refuse(why);
    });
    thread.on('message', (notice: ProbeNotice) => {
      if (notice.kind === 'listening') started.resolve(notice.port);
      else if (notice.kind === 'refused') refuse(notice.message);
      else
        registry.metrics().then(report, (error: unknown) => {
          report(`# the metrics could not be read: ${String(error).replaceAll('\n', ' ')}\n`);
        });
    });
    try {
      const port = await started.promise;
      report();
      const timer = setInterval(report, reportEveryMs);
      timer.unref();
      return new ProbeServer(thread, port, timer);
    } catch (error) {
      await thread.terminate();
      throw error;
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#thread.terminate();
  }
}

function threadFile(): string {
  const here = fileURLToPath(import.meta.url);
  return path.join(path.dirname(here), `probe-thread${path.extname(here)}`);
}
