import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';

/**
 * Tells when a transaction in which something was started has committed, so that the work begins at once.
 *
 * TypeORM's `afterTransactionCommit` also fires when a savepoint is released, and when a swallowed error has turned the
 * COMMIT into a ROLLBACK. Both are harmless here: the nudge only makes the relay look, and it sees what is committed.
 * It throws nothing and is not waited for, because a throw in that hook would reject a transaction that is committed.
 */
export class CommitNudge {
  readonly #nudge: () => void;
  readonly #dataSources = new Map<DataSource, EntitySubscriberInterface>();
  readonly #runners = new WeakSet<QueryRunner>();

  constructor(nudge: () => void) {
    this.#nudge = nudge;
  }

  watch(manager: EntityManager): void {
    const runner = manager.queryRunner;
    if (runner === undefined) return;
    this.#runners.add(runner);
    if (this.#dataSources.has(manager.dataSource)) return;
    const subscriber: EntitySubscriberInterface = {
      afterTransactionCommit: (event) => {
        if (event.queryRunner.isTransactionActive || !this.#runners.has(event.queryRunner)) return;
        this.#runners.delete(event.queryRunner);
        setImmediate(this.#nudge);
      },
      afterTransactionRollback: (event) => {
        if (!event.queryRunner.isTransactionActive) this.#runners.delete(event.queryRunner);
      },
    };
    this.#dataSources.set(manager.dataSource, subscriber);
    manager.dataSource.subscribers.push(subscriber);
  }

  /** Takes the hooks off again. */
  stop(): void {
    for (const [{ subscribers }, subscriber] of this.#dataSources) {
      const index = subscribers.indexOf(subscriber);
      if (index >= 0) subscribers.splice(index, 1);
    }
    this.#dataSources.clear();
  }
}
