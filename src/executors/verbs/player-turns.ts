import type { Connection } from '../../executions/connection.ts';
import type { ReadyStep } from '../../executions/sql/advance-steps.ts';

/** How long a command waits in memory for the one before it: longer ones should not keep a place of the worker. */
const longestWaitMs = 100;

/**
 * The commands of each player that run in this process. Who is next in line waits here for the end of the one before,
 * instead of going back to the ledger; one for each player at most, so that a busy player does not fill the worker.
 */
export class PlayerTurns {
  readonly #running = new Map<number, Promise<void>>();
  readonly #next = new Set<number>();
  readonly #sentBack = new Set<number>();

  /** Notes that a command of the player went back to the ledger to wait. */
  sendBack(player: number): void {
    this.#sentBack.add(player);
  }

  /** Whether one was sent back since this was last asked. */
  wasSentBack(player: number): boolean {
    return this.#sentBack.delete(player);
  }

  async inTurn<T>(player: number, work: () => Promise<T>): Promise<T> {
    await this.#wait(player);
    const ended = Promise.withResolvers<void>();
    if (!this.#running.has(player)) this.#running.set(player, ended.promise);
    try {
      return await work();
    } finally {
      if (this.#running.get(player) === ended.promise) this.#running.delete(player);
      ended.resolve();
    }
  }

  async #wait(player: number): Promise<void> {
    const running = this.#running.get(player);
    if (running === undefined || this.#next.has(player)) return;
    this.#next.add(player);
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(() => late.resolve(), longestWaitMs);
    await Promise.race([running, late.promise]);
    clearTimeout(timer);
    this.#next.delete(player);
  }
}

/**
 * Makes the first command of the player that was sent back to wait ready: the turn is handed on in the transaction that
 * ends the one before. Locks that step alone, by the index execution_of_player. Answers none where nobody waits.
 */
export async function handOnTurn(connection: Connection, player: number): Promise<readonly ReadyStep[]> {
  const { schema } = connection;
  const { rows } = await connection.query<ReadyStep>(
    `UPDATE ${schema}.step AS s
     SET state = 'ready', delivery = s.delivery + 1, published_epoch = -1, run_at = NULL, ready_at = ${schema}.clock()
     FROM (SELECT w.execution_id FROM ${schema}.execution AS e JOIN ${schema}.step AS w ON w.execution_id = e.id
       WHERE e.active AND e.executor = 'verbs.parseCommand' AND (e.input->>'caller')::integer = $1
         AND e.state = 'running' AND w.position = 0 AND w.state = 'delayed' AND w.started_at IS NOT NULL
       ORDER BY e.id LIMIT 1 FOR UPDATE OF w SKIP LOCKED) AS next
     WHERE s.execution_id = next.execution_id AND s.position = 0 AND s.state = 'delayed'
     RETURNING s.execution_id AS "executionId", s.position, s.delivery, s.queue, s.priority`,
    [player],
  );
  return rows;
}
