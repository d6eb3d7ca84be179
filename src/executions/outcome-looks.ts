import type { Connection } from './connection.ts';
import { findOutcomes, type OutcomeRow } from './sql/find-outcomes.ts';

/** Looks at executions for all who wait for one in this process: what is asked in one turn of the event loop is one statement. */
export class OutcomeLooks {
  readonly #connection: Connection;
  #asked = new Map<string, PromiseWithResolvers<OutcomeRow | undefined>>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Undefined where there is no such execution. */
  async look(id: string): Promise<OutcomeRow | undefined> {
    const known = this.#asked.get(id);
    if (known !== undefined) return known.promise;
    if (this.#asked.size === 0) setImmediate(() => this.#flush());
    const answer = Promise.withResolvers<OutcomeRow | undefined>();
    this.#asked.set(id, answer);
    return answer.promise;
  }

  #flush(): void {
    const asked = this.#asked;
    this.#asked = new Map();
    findOutcomes(this.#connection, [...asked.keys()]).then(
      (rows) => {
        const found = new Map(rows.map((row) => [row.id, row]));
        for (const [id, answer] of asked) answer.resolve(found.get(id));
      },
      (error: unknown) => {
        for (const answer of asked.values()) answer.reject(error);
      },
    );
  }
}
