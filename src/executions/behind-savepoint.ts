import { AsyncLocalStorage } from 'node:async_hooks';
import type { Connection } from './connection.ts';

/** What work behind a savepoint gets: a way to run the caller's own code as it would run without us. */
export interface SavepointScope {
  /** Runs a hook of the caller's with his own lock timeout; what it throws is passed on as it is. */
  asCaller(hook: () => Promise<void>): Promise<void>;
}

const inside = new AsyncLocalStorage<Connection>();
/** The lock timeout of the caller's own, for as long as ours is set. */
const callersTimeout = new WeakMap<Connection, string>();
const turns = new WeakMap<Connection, Promise<void>>();
let savepoints = 0;

/**
 * Does something in the caller's transaction that leaves no trace when it fails: the caller may catch the error and go
 * on. Locks are waited for no longer than `lockTimeoutMs`; the caller's own setting is restored.
 *
 * Calls on one connection take turns, because savepoints of two calls that run at once would undo each other; a call
 * from within a hook of another runs inside it.
 */
export async function behindSavepoint<T>(
  connection: Connection,
  lockTimeoutMs: number,
  work: (scope: SavepointScope) => Promise<T>,
): Promise<T> {
  return inTurn(connection, () => guarded(connection, lockTimeoutMs, work));
}

/** Waits for the calls before on the same connection; from within one of them it runs at once. */
export async function inTurn<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  if (inside.getStore() === connection) return work();
  const turn = (turns.get(connection) ?? Promise.resolve()).then(() => inside.run(connection, work));
  turns.set(
    connection,
    turn.then(
      () => undefined,
      () => undefined,
    ),
  );
  return turn;
}

async function guarded<T>(
  connection: Connection,
  lockTimeoutMs: number,
  work: (scope: SavepointScope) => Promise<T>,
): Promise<T> {
  savepoints += 1;
  const savepoint = `reeve_${savepoints}`;
  const { rows } = await connection.query<{ ms: string }>(`SELECT current_setting('lock_timeout') AS ms`);
  const before = rows[0]?.ms ?? '0';
  // Inside another one, what is set now is ours and not the caller's.
  const callers = callersTimeout.get(connection) ?? before;
  const isOutermost = !callersTimeout.has(connection);
  const setTimeoutTo = (value: string): Promise<unknown> =>
    connection.query(`SELECT set_config('lock_timeout', $1, true)`, [value]);
  await connection.query(`SAVEPOINT ${savepoint}`);
  if (isOutermost) callersTimeout.set(connection, callers);
  try {
    await setTimeoutTo(`${lockTimeoutMs}ms`);
    const result = await work({
      async asCaller(hook) {
        await setTimeoutTo(callers);
        await hook();
        await setTimeoutTo(`${lockTimeoutMs}ms`);
      },
    });
    await setTimeoutTo(before);
    await connection.query(`RELEASE SAVEPOINT ${savepoint}`);
    return result;
  } catch (error) {
    await undo(connection, savepoint);
    throw error;
  } finally {
    if (isOutermost) callersTimeout.delete(connection);
  }
}

/** Where the connection is gone the whole transaction is, and the first error says more than this one. */
async function undo(connection: Connection, savepoint: string): Promise<void> {
  try {
    await connection.query(`ROLLBACK TO SAVEPOINT ${savepoint}`);
    await connection.query(`RELEASE SAVEPOINT ${savepoint}`);
  } catch {
    return;
  }
}
