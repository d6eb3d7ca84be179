/**
 * Who may run steps in this process now: any number of ordinary ones together, or one alone.
 *
 * A step that has lost its workers before is run alone, so that the next death can be held against nobody else, and
 * nobody else dies of it.
 */
export class LoneGate {
  #together = 0;
  #isTaken = false;
  #changed = Promise.withResolvers<void>();

  /**
   * Runs it beside others; waits while one runs alone, or waits for its turn to.
   *
   * @param work - Is given a way to say that it is not to be waited for any more, whatever it still does.
   */
  async together<T>(work: (leave: () => void) => Promise<T>): Promise<T> {
    while (this.#isTaken) await this.#changed.promise;
    this.#together += 1;
    let isHere = true;
    const leave = (): void => {
      if (isHere) this.#together -= 1;
      isHere = false;
      this.#tell();
    };
    try {
      return await work(leave);
    } finally {
      leave();
    }
  }

  /**
   * Lets nothing new begin, waits for what runs, and runs it alone. After `longestMs` others may begin although it still
   * runs: it may be waiting for one of them.
   *
   * @returns undefined, and nothing was run, when the others did not end within `patienceMs`.
   */
  async alone<T>(
    { patienceMs, longestMs }: { readonly patienceMs: number; readonly longestMs: number },
    work: () => Promise<T>,
  ): Promise<{ readonly answer: T } | undefined> {
    const late = AbortSignal.timeout(patienceMs);
    while (this.#isTaken) if (!(await this.#change(late))) return undefined;
    this.#isTaken = true;
    let isMine = true;
    const open = (): void => {
      if (!isMine) return;
      isMine = false;
      this.#isTaken = false;
      this.#tell();
    };
    let timer: NodeJS.Timeout | undefined;
    try {
      while (this.#together > 0) if (!(await this.#change(late))) return undefined;
      timer = setTimeout(open, longestMs);
      return { answer: await work() };
    } finally {
      clearTimeout(timer);
      open();
    }
  }

  /** Whether something changed in time. */
  async #change(late: AbortSignal): Promise<boolean> {
    if (late.aborted) return false;
    const ended = Promise.withResolvers<void>();
    const end = (): void => ended.resolve();
    late.addEventListener('abort', end);
    await Promise.race([this.#changed.promise, ended.promise]);
    late.removeEventListener('abort', end);
    return !late.aborted;
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
