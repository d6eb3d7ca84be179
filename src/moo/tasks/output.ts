import type { VerbLimits } from '../sandbox/limits.ts';

const mark = ' [cut off]';

/** What a task prints, within its limits: what is too much is cut off with a mark, and the rest dropped. */
export class TaskOutput {
  readonly #limits: VerbLimits;
  readonly #deliver: ((line: string) => void) | undefined;
  readonly lines: string[] = [];
  #bytes = 0;
  #count = 0;
  #full = false;

  /** @param deliver - Where lines go at once; without it they are kept for the result. */
  constructor(limits: VerbLimits, deliver?: (line: string) => void) {
    this.#limits = limits;
    this.#deliver = deliver;
  }

  print(text: string): void {
    if (this.#full) return;
    const { lineBytes, outputBytes, outputLines } = this.#limits;
    const line = cutTo(text.replaceAll('\u0000', '').toWellFormed(), lineBytes);
    this.#bytes += Buffer.byteLength(line);
    this.#count += 1;
    this.#full = this.#bytes > outputBytes || this.#count > outputLines;
    this.#take(this.#full ? mark.trim() : line);
  }

  /** Where a fragment begins, so that it can be told apart. */
  get length(): number {
    return this.lines.length;
  }

  #take(line: string): void {
    if (this.#deliver === undefined) this.lines.push(line);
    else this.#deliver(line);
  }
}

function cutTo(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return (
    Buffer.from(text)
      .subarray(0, bytes - mark.length)
      .toString('utf8')
      .replace(/\uFFFD+$/, '') + mark
  );
}
