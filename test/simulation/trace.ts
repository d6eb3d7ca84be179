import { createHash } from 'node:crypto';

/** What happened, boundary by boundary: the last lines for people, all of them as one hash for comparison. */
export class Trace {
  readonly #hash = createHash('sha256');
  readonly #last: string[] = [];
  readonly #lines: number;
  readonly #names = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  /** @param lines - How many are kept. */
  constructor(lines: number) {
    this.#lines = lines;
  }

  add(line: string): void {
    this.#hash.update(`${line}\n`);
    this.#last.push(line);
    if (this.#last.length > this.#lines) this.#last.shift();
  }

  get last(): readonly string[] {
    return this.#last;
  }

  /** Of everything so far. */
  digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  /** A name that is the same in every run, for an id that is not: the first execution is `execution 1`. */
  name(kind: string, id: string): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const name = `${kind} ${count}`;
    this.#names.set(id, name);
    return name;
  }
}

const frame = /\/src\/(?:[\w-]+\/)*([\w-]+)\.ts/g;
const doors = new Set(['ledger-pool', 'manager-connection', 'behind-savepoint', 'connection']);

/** The file of the engine from which this is called: one statement stands in each. */
export function callingFile(): string {
  const { stack = '' } = new Error('where');
  for (const [, file = ''] of stack.matchAll(frame)) if (!doors.has(file)) return file;
  return 'harness';
}
