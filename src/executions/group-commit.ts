import { isConnectionError } from './sql-state.ts';

export interface GroupCommitOptions<Item, Answer> {
  /** Does all of them in one transaction and answers in their order; or throws, and has done nothing. */
  readonly run: (items: readonly Item[]) => Promise<readonly Answer[]>;
  /** The most that share a transaction. `1` does each alone. */
  readonly limit: number;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly answer: PromiseWithResolvers<Answer>;
}

/**
 * Lets what comes at the same time share one transaction. While one is under way, what comes in the meantime waits for
 * the next; where nothing is under way it goes at once, so nothing is slower on an idle machine.
 *
 * When a transaction is refused, each of its items is done again alone, so that only the one that is bad is refused.
 * Nothing is repeated after a lost connection: nobody knows then what was done.
 */
export class GroupCommit<Item, Answer> {
  readonly #options: GroupCommitOptions<Item, Answer>;
  #waiting: Waiting<Item, Answer>[] = [];
  #isUnderWay = false;

  constructor(options: GroupCommitOptions<Item, Answer>) {
    this.#options = options;
  }

  async ask(item: Item): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.push({ item, answer });
    if (!this.#isUnderWay) {
      this.#isUnderWay = true;
      setImmediate(() => void this.#work());
    }
    return answer.promise;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting.slice(0, this.#options.limit);
      this.#waiting = this.#waiting.slice(this.#options.limit);
      await this.#do(group);
    }
    this.#isUnderWay = false;
  }

  /** Never throws. */
  async #do(group: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#options.run(group.map(({ item }) => item));
      for (const [index, { answer }] of group.entries()) answer.resolve(answers[index] as Answer);
    } catch (error) {
      if (group.length > 1 && !isConnectionError(error)) {
        for (const one of group) await this.#do([one]);
        return;
      }
      for (const { answer } of group) answer.reject(error);
    }
  }
}
