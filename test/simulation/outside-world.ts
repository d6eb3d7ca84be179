export interface Doing {
  /** The idempotency key of the step. */
  readonly key: string;
  readonly fence: number;
}

interface Interval extends Doing {
  readonly throttle: string;
  readonly from: number;
  until: number | undefined;
}

export interface Asked {
  readonly id: string;
  readonly answer: 'started' | 'rolled back' | undefined;
  readonly executionId: string | undefined;
}

/**
 * What the world outside of the database has seen, in virtual time. It refuses a fence that is smaller than the largest
 * one that it has seen of a step, as a backend that compares fences does.
 */
export class OutsideWorld {
  readonly newestFence = new Map<string, number>();
  readonly effects = new Map<string, number[]>();
  readonly intervals: Interval[] = [];
  readonly requests = new Map<string, Asked>();
  refused = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  begin({ key, fence }: Doing, throttles: readonly string[]): () => void {
    this.#lets({ key, fence });
    const mine = throttles.map((throttle): Interval => ({ key, fence, throttle, from: this.#now(), until: undefined }));
    this.intervals.push(...mine);
    return () => {
      for (const interval of mine) interval.until = this.#now();
    };
  }

  effect({ key, fence }: Doing): void {
    if (!this.#lets({ key, fence })) {
      this.refused += 1;
      return;
    }
    this.effects.set(key, [...(this.effects.get(key) ?? []), fence]);
  }

  ask(id: string): void {
    this.requests.set(id, { id, answer: undefined, executionId: undefined });
  }

  answered(id: string, answer: 'started' | 'rolled back', executionId?: string): void {
    this.requests.set(id, { id, answer, executionId });
  }

  #lets({ key, fence }: Doing): boolean {
    if (fence < (this.newestFence.get(key) ?? 0)) return false;
    this.newestFence.set(key, fence);
    return true;
  }
}
