import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { bytesPerMb, type StartTransport } from './transport.ts';

/**
 * Without this V8 (13.6, of Node 24) takes the check for a termination out of loops such as
 * `while (true) new Array(1000).fill(0)` once they are optimised, and no `terminate()` ever ends them: its loop unrolling
 * believes them to be short. Flags are the process's, and hold for what is compiled after this.
 */
const keepLoopChecks = '--no-turboshaft-loop-unrolling';

/** A thread answers within an interrupt; one that is in native code does not. */
const answerMs = 1_000;

/**
 * A thread of this process. Its memory limit is watched by its owner and not set as V8's `resourceLimits`: a heap that
 * fills faster than V8 notices ends the whole process there (measured on Node 24.21: a Map, or an array of new objects).
 */
export const startThread: StartTransport = ({ entry, app }, listener) => {
  setFlagsFromString(keepLoopChecks);
  const thread = new Worker(entry, { workerData: app, name: 'reeve-isolated' });
  let error: string | undefined;
  thread.unref();
  thread.on('message', (value) => listener.message(value));
  thread.on('error', (thrown) => {
    error = Error.isError(thrown) ? thrown.message : String(thrown);
  });
  thread.on('exit', (code) => listener.ended(error ?? `exit code ${code}`));
  return {
    kind: 'thread',
    name: `thread ${thread.threadId}`,
    send(message) {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      thread.postMessage(message);
    },
    kill() {
      // Fails for none; `exit` tells when it is gone.
      thread.terminate().catch(() => undefined);
    },
    async memory() {
      const late = Promise.withResolvers<undefined>();
      const timer = setTimeout(() => late.resolve(undefined), answerMs);
      try {
        const heap = await Promise.race([thread.getHeapStatistics(), late.promise]);
        return heap && (heap.used_heap_size + heap.external_memory) / bytesPerMb;
      } catch {
        return undefined;
      } finally {
        clearTimeout(timer);
      }
    },
  };
};
