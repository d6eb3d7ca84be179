import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { withDeadline } from './deferred.ts';
import { redisUrlOf, type BrokerName } from './bundle.ts';

/** A process of the test application; killed when it goes out of scope. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting: ((line: string) => void)[] = [];
  readonly exited: Promise<unknown>;

  constructor(mode: string, url: string, broker: BrokerName, environment: Record<string, string> = {}) {
    const redis = redisUrlOf(broker);
    this.#process = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', childApp, mode], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, TEST_URL: url, ...(redis === undefined ? {} : { TEST_REDIS: redis }), ...environment },
    });
    this.exited = once(this.#process, 'exit');
    const lines = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.#lines.push(line);
      else waiter(line);
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async line(timeoutMs = 60_000): Promise<string> {
    const first = this.#lines.shift();
    if (first !== undefined) return first;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#waiting.push(resolve);
    return withDeadline(promise, timeoutMs, 'a line of the child process');
  }

  go(): void {
    this.#process.stdin?.write('go\n');
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill('SIGKILL');
      await this.exited;
    }
  }
}

const childApp = new URL('./child-app.ts', import.meta.url).pathname;
