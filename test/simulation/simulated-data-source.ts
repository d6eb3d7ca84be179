import type { DataSource, EntityManager } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { actorContext, openTurn } from './actor.ts';
import { callingFile } from './trace.ts';
import type { Turns } from './turns.ts';

type Release = (error?: unknown) => void;
type Connected = (error: Error | undefined, client?: unknown, release?: Release) => void;
interface Master {
  connect(connected: Connected): void;
}
type Work = (manager: EntityManager) => Promise<unknown>;

/**
 * Lets the statements and transactions that simulated processes run through TypeORM wait for their turns as well. All
 * processes share the DataSource. As it was before at the end of `using`.
 */
export function gateDataSource(dataSource: DataSource, turns: Turns): Disposable {
  const transaction = dataSource.transaction.bind(dataSource) as unknown as (work: Work) => Promise<unknown>;
  const inTurn = async (work: Work): Promise<unknown> => {
    const context = actorContext.getStore();
    if (context === undefined || openTurn() !== undefined) return transaction(work);
    // Also what TypeORM does after the commit (the nudge of the relay) is done by the actor.
    return turns.enter('transaction', callingFile(), (turn) =>
      actorContext.run({ ...context, turn }, () => transaction(work)),
    );
  };
  Object.assign(dataSource, { transaction: inTurn });

  const master = (dataSource.driver as PostgresDriver).master as Master;
  const connect = master.connect.bind(master);
  master.connect = (connected) => {
    if (actorContext.getStore() === undefined || openTurn() !== undefined) {
      actorContext.exit(() => connect(connected));
      return;
    }
    // A statement outside of a transaction: its turn is over when the connection is given back.
    const released = turns.enter('statement', callingFile(), async () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      connect((error, client, release) => {
        if (error !== undefined && error !== null) reject(error);
        connected(error, client, (failure) => {
          release?.(failure);
          resolve();
        });
      });
      await promise;
    });
    released.catch((error: unknown) => {
      if ((error as { code?: string }).code === 'ECONNREFUSED') connected(error as Error);
    });
  };
  return {
    [Symbol.dispose]() {
      Reflect.deleteProperty(dataSource, 'transaction');
      master.connect = connect;
    },
  };
}
