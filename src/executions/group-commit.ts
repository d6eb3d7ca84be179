import { CommitUnknown } from './ledger-pool.ts';
import { isConnectionError } from './sql-state.ts';

export interface GroupCommitOptions<Item, Answer> {
  /** Does all of them in one transaction and answers in their order; or throws, and has done nothing. */
  readonly run: (items: readonly Item[]) => Promise<readonly Answer[]>;
  /** The most that share a transaction. `1` does each alone. */
  readonly limit: number;
}

/** A transaction that takes longer may hang on a dead connection: what waits goes on another one. */
const slowMs = 1_000;
const mostUnderWay = 4;

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly answer: PromiseWithResolvers<Answer>;
}

/**
 * Lets what comes at the same time share one transaction. While one is under way, what comes in the meantime waits for
 * the next; where nothing is under way it goes at once, so nothing is slower on an idle machine. Behind one that takes
 * longer than a second others begin, four at most.
 *
 * When a transaction is refused, each of its items is done again alone, so that only the one that is bad is refused.
 * Nothing is repeated after a lost connection: nobody knows then what was done.
 */
export class GroupCommit<Item, Answer> {
  readonly #options: GroupCommitOptions<Item, Answer>;
  #waiting: Waiting<Item, Answer>[] = [];
  #underWay = 0;

  constructor(options: GroupCommitOptions<Item, Answer>) {
    this.#options = options;
  }

  async ask(item: Item): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.push({ item, answer });
    if (this.#underWay === 0) this.#begin();
    return answer.promise;
  }

  #begin(): void {
    this.#underWay += 1;
    setImmediate(() => void this.#work());
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting.slice(0, this.#options.limit);
      this.#waiting = this.#waiting.slice(this.#options.limit);
      const timer = setInterval(() => {
        if (this.#waiting.length > 0 && this.#underWay < mostUnderWay) this.#begin();
      }, slowMs);
      await this.#do(group);
      clearInterval(timer);
    }
    this.#underWay -= 1;
  }

  /** Never throws. */
  async #do(group: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#options.run(group.map(({ item }) => item));
      for (const [index, { answer }] of group.entries()) answer.resolve(answers[index] as Answer);
    } catch (error) {
      if (group.length > 1 && !isConnectionError(error) && !(error instanceof CommitUnknown)) {
        for (const one of group) await this.#do([one]);
        return;
      }
      for (const { answer } of group) answer.reject(error);
    }
  }
}
