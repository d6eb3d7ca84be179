import type { Connection } from './connection.ts';
import { GroupCommit } from './group-commit.ts';
import { findOutcomes, type OutcomeRow } from './sql/find-outcomes.ts';

const idsAtOnce = 1_000;

/**
 * Looks at executions for all who wait for one in this process: what is asked in one turn of the event loop, or while
 * another look is under way, is one statement.
 */
export class OutcomeLooks {
  readonly #looks: GroupCommit<string, OutcomeRow | undefined>;

  constructor(connection: Connection) {
    this.#looks = new GroupCommit({
      limit: idsAtOnce,
      run: async (ids) => {
        const rows = await findOutcomes(connection, [...new Set(ids)]);
        const found = new Map(rows.map((row) => [row.id, row]));
        return ids.map((id) => found.get(id));
      },
    });
  }

  /** Undefined where there is no such execution. */
  async look(id: string): Promise<OutcomeRow | undefined> {
    return this.#looks.ask(id);
  }
}
