/** How far a job goes on with the steps behind its own, before other jobs have their turn. */
export interface Continuation {
  /** The most steps, the first one included. */
  readonly steps: number;
  /** After this long no further step is begun. */
  readonly ms: number;
}

/** What one job does in a row. */
export class JobTurn {
  readonly #limits: Continuation | null;
  readonly #begun = performance.now();
  #steps = 0;

  constructor(limits: Continuation | null) {
    this.#limits = limits;
  }

  /** Whether the step behind the one that ends now may be done as well; asked once for each step. */
  mayGoOn(): boolean {
    this.#steps += 1;
    if (this.#limits === null) return false;
    return this.#steps < this.#limits.steps && performance.now() - this.#begun < this.#limits.ms;
  }
}
