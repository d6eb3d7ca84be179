import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { withDeadline } from '../../support/deferred.ts';
import { eventually } from '../../support/eventually.ts';

export const binFile = fileURLToPath(new URL('../../../bin/reeve.js', import.meta.url));
export const fixtureApp = fileURLToPath(new URL('fixture-app', import.meta.url));

export interface ReeveRun {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Instead of bin/reeve.js. */
  readonly bin?: string;
}

/** The environment of the tests without what would name a database, a broker or an app. */
function cleanEnvironment(extra: RunOptions['environment'] = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(PG|REEVE_|DATABASE_URL$|REDIS_URL$|NODE_OPTIONS$|FORCE_COLOR$)/.test(name),
  );
  const given = Object.entries(extra).filter(([, value]) => value !== undefined);
  return Object.fromEntries([...kept, ...given]);
}

/** A running `reeve`; killed when it goes out of scope. */
export class ReeveProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  readonly #ended: Promise<unknown>;

  constructor(args: readonly string[], { cwd, environment, bin = binFile }: RunOptions = {}) {
    this.#child = spawn(process.execPath, [bin, ...args], {
      cwd: cwd ?? fixtureApp,
      env: cleanEnvironment(environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.#ended = once(this.#child, 'close');
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get output(): string {
    return `${this.#stdout}\n${this.#stderr}`;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until what it has written, on either stream, matches. */
  async says(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> {
    return eventually(
      () => {
        const match = pattern.exec(this.output);
        if (match === null) throw new Error(`nothing matches ${String(pattern)} in:\n${this.output}`);
        return match;
      },
      { timeoutMs },
    );
  }

  /** Its end, with everything that it wrote. */
  async end(timeoutMs = 30_000): Promise<ReeveRun> {
    await withDeadline(this.#ended, timeoutMs, `the end of reeve, which wrote:\n${this.output}\nand which`);
    const { exitCode, signalCode } = this.#child;
    return { exitCode, signal: signalCode, stdout: this.#stdout, stderr: this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

/** Runs a command that ends by itself. */
export async function runReeve(args: readonly string[], options: RunOptions = {}): Promise<ReeveRun> {
  await using running = new ReeveProcess(args, options);
  return await running.end();
}

/** What a command with --json answered. */
export async function reeveJson<T>(args: readonly string[], options: RunOptions = {}): Promise<T> {
  const { exitCode, stdout, stderr } = await runReeve([...args, '--json'], options);
  if (exitCode !== 0) throw new Error(`reeve ${args.join(' ')} exited with ${exitCode}:\n${stdout}\n${stderr}`);
  return JSON.parse(stdout) as T;
}
