import type { Connection } from './connection.ts';
import { lookAround, type Look } from './sql/look-around.ts';

/** A loop that looks because its pause is over, not because it was asked to. */
interface Looking {
  lookAlong(): void;
}

/** In a look that nobody asked for, younger ready steps are left to whoever made them ready. */
export const idleMinAgeMs = 200;
/** A look that is no older is not taken again. */
const freshMs = 100;

/**
 * One question to the ledger instead of one for each loop of a process: a worker with nothing to do asks about once a
 * second. Whoever's pause is over first takes a look for all, and the others look along, so that they keep in step.
 *
 * A loop that was woken knows of something to do and does not ask here.
 */
export class SharedLook {
  readonly #connection: Connection;
  readonly #loops = new Set<Looking>();
  #latest: { readonly at: number; readonly look: Promise<Look> } | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  join(loop: Looking): void {
    this.#loops.add(loop);
  }

  /** What there is to do, as it was at most 100 ms ago. */
  async take(asking: Looking): Promise<Look> {
    const latest = this.#latest;
    if (latest !== undefined && performance.now() - latest.at < freshMs) return latest.look;
    const look = lookAround(this.#connection, idleMinAgeMs);
    const taken = { at: performance.now(), look };
    this.#latest = taken;
    const found = await look.catch((error: unknown) => {
      if (this.#latest === taken) this.#latest = undefined;
      throw error;
    });
    for (const loop of this.#loops) if (loop !== asking) loop.lookAlong();
    return found;
  }
}
