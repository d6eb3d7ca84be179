import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

export interface Contender {
  readonly name: string;
  /** The program, from this folder; a `.py` is Celery's. */
  readonly program: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it is given Redis, PostgreSQL, or both. */
  readonly needs: 'postgres' | 'redis' | 'both';
}

/** Where the contestants' servers are. */
export interface Servers {
  /** A fresh database for each contestant. */
  database(): Promise<string>;
  readonly redisUrl: string;
}

const marker = '@@';
const startTimeoutMs = 60_000;
const settleMs = 500;

/** A contestant's process, which answers one question after another; see `answering.ts`. */
export class Contestant {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  static async start(contender: Contender, servers: Servers): Promise<Contestant> {
    const { name, program, env = {}, needs } = contender;
    const file = new URL(program, import.meta.url).pathname;
    const isPython = program.endsWith('.py');
    const child = spawn(
      isPython ? '/usr/bin/python3' : process.execPath,
      isPython ? [file] : ['--disable-warning=ExperimentalWarning', file],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
        // A group of its own, with whatever it starts.
        detached: true,
        env: {
          ...process.env,
          NODE_ENV: 'production',
          ...(needs === 'redis' ? {} : { DATABASE_URL: await servers.database() }),
          ...(needs === 'postgres' ? { REDIS_URL: undefined } : { REDIS_URL: servers.redisUrl }),
          ...env,
        },
      },
    );
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const endWithUs = (): void => signalGroup(child, 'SIGKILL');
    process.once('exit', endWithUs);
    child.once('exit', () => process.off('exit', endWithUs));
    const timer = setTimeout(endWithUs, startTimeoutMs);
    const versions = await answerOf(name, lines, 'versions');
    clearTimeout(timer);
    return new Contestant(name, child, lines, versions as Record<string, string>);
  }

  private constructor(
    name: string,
    child: ChildProcess,
    lines: AsyncIterator<string>,
    versions: Readonly<Record<string, string>>,
  ) {
    this.name = name;
    this.#process = child;
    this.#lines = lines;
    this.versions = versions;
  }

  /** @throws Error when it cannot answer, or has ended. */
  async ask<Answer>(question: string, args: object): Promise<Answer> {
    this.#process.stdin?.write(`${JSON.stringify({ ask: question, args })}\n`);
    return (await answerOf(this.name, this.#lines, 'answer')) as Answer;
  }

  /** Stops it where it is, so that it takes nothing from whoever is measured now. */
  freeze(): void {
    signalGroup(this.#process, 'SIGSTOP');
  }

  /** Lets it go on, and gives it time to do what has become due meanwhile. */
  async thaw(): Promise<void> {
    signalGroup(this.#process, 'SIGCONT');
    await pause(settleMs);
  }

  /** Seconds of processor time so far, and resident megabytes now; Linux only. */
  async use(): Promise<{ readonly cpuSeconds: number; readonly megabytes: number }> {
    const folder = `/proc/${this.#process.pid}`;
    const fields = (await readFile(`${folder}/stat`, 'utf8')).split(') ').at(-1)?.split(' ') ?? [];
    const pages = Number((await readFile(`${folder}/statm`, 'utf8')).split(' ')[1]);
    return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, megabytes: (pages * 4_096) / 1_048_576 };
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, 'exit');
    const timer = setTimeout(() => signalGroup(this.#process, 'SIGKILL'), 10_000);
    signalGroup(this.#process, 'SIGCONT');
    this.#process.stdin?.end();
    await exited;
    clearTimeout(timer);
  }
}

/** To a contestant and whatever it has started; one that has ended is beyond it. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended just now.
  }
}

async function answerOf(name: string, lines: AsyncIterator<string>, what: 'versions' | 'answer'): Promise<unknown> {
  for (;;) {
    const next = await lines.next();
    if (next.done === true) throw new Error(`${name} has ended without an answer`);
    if (!next.value.startsWith(marker)) continue;
    const line = JSON.parse(next.value.slice(marker.length)) as {
      readonly error?: string;
      readonly versions?: unknown;
      readonly answer?: unknown;
    };
    if (line.error !== undefined) throw new Error(`${name}: ${line.error}`);
    return line[what];
  }
}
