import { fork, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('worker.ts', import.meta.url));
const stopWaitMs = 30_000;

interface Pool {
  readonly queue: string;
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
}

/** One worker process for each queue. A process that ends by itself is not started again: the others go on. */
export class WorkerProcesses {
  readonly #pools: readonly Pool[];
  #stopped: Promise<void> | undefined;

  /** @param options - `log` is the file descriptor that the processes write their log to. */
  constructor(queues: readonly string[], options: { readonly log: number; readonly logLevel: string }) {
    const env = { ...process.env, REEVE_LOG_LEVEL: options.logLevel };
    const stdio: StdioOptions = ['ignore', 'ignore', options.log, 'ipc'];
    this.#pools = queues.map((queue) => {
      const child = fork(program, [queue], { execArgv: [], env, stdio });
      const exited = new Promise((resolve) => {
        child.once('exit', resolve);
        child.once('error', resolve);
      });
      return { queue, child, exited };
    });
  }

  get pids(): number[] {
    return this.#pools.flatMap(({ child }) => child.pid ?? []);
  }

  /** Resolves when all of them serve their queues. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#pools.map(async ({ queue, child, exited }) => {
        const ready = once(child, 'message', { signal });
        child.send('start', () => undefined);
        const ended = exited.then(() => {
          throw new Error(`the worker for queue ${queue} ended before it was ready; see its log (--verbose)`);
        });
        await Promise.race([ready, ended]);
      }),
    );
  }

  /** Each finishes the steps that it runs. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  async #stop(): Promise<void> {
    for (const { child } of this.#pools) if (child.connected) child.send('stop', () => undefined);
    const late = setTimeout(() => {
      for (const { child } of this.#pools) child.kill('SIGKILL');
    }, stopWaitMs);
    await Promise.all(this.#pools.map(({ exited }) => exited));
    clearTimeout(late);
  }
}
