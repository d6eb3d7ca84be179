import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

type Answers = Readonly<Record<string, (args: never) => unknown>>;

/**
 * What every contestant is: a process that answers questions, one at a time, with figures that it has measured itself.
 * Questions come as lines of JSON on its standard input; its answers are the lines that begin with "@@", so that whatever
 * a library prints does no harm. `answers` maps the name of a question to a function of its arguments.
 */
export async function contestant(versions: Readonly<Record<string, string>>, answers: Answers): Promise<void> {
  const say = (line: object): void => {
    process.stdout.write(`@@${JSON.stringify(line)}\n`);
  };
  say({ versions });
  for await (const line of createInterface({ input: process.stdin })) {
    const { ask, args } = JSON.parse(line) as { ask: string; args: never };
    try {
      say({ answer: (await answers[ask]?.(args)) ?? null });
    } catch (error) {
      say({ error: Error.isError(error) ? (error.stack ?? error.message) : String(error) });
    }
  }
  process.exit(0);
}

/** Promises by name, each kept by whoever ends what it waits for. */
export class Endings {
  readonly #open = new Map<string, () => void>();

  async wait(id: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#open.set(id, resolve);
    return promise;
  }

  end(id: string): void {
    this.#open.get(id)?.();
    this.#open.delete(id);
  }
}

/** Milliseconds that something takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

export async function inTurn<T>(count: number, work: (n: number) => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  for (let n = 0; n < count; n += 1) answers.push(await work(n));
  return answers;
}

/** How many of a key run at the same moment, at most. */
export class Overlap {
  readonly #now = new Map<string, number>();
  most = 0;

  async during(key: string, work: () => Promise<unknown>): Promise<void> {
    const now = (this.#now.get(key) ?? 0) + 1;
    this.#now.set(key, now);
    this.most = Math.max(this.most, now);
    await work();
    this.#now.set(key, (this.#now.get(key) ?? 1) - 1);
  }
}

/**
 * Milliseconds from the moment in which something is asked for to its first line, which `start` answers by
 * `performance.now()`; they are `everyMs` apart, so that the system is idle before each.
 */
export async function startTimes(
  { count, everyMs }: { readonly count: number; readonly everyMs: number },
  start: () => Promise<number>,
): Promise<number[]> {
  return inTurn(count, async () => {
    await pause(everyMs);
    const begun = performance.now();
    return (await start()) - begun;
  });
}

/** Of a package that is installed in `peers`. */
export async function peerVersion(name: string): Promise<string> {
  const file = new URL(`peers/node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}
