import type { JsonValue } from '../core/json.ts';
import type { Connection } from '../executions/connection.ts';
import type { Scheduled } from '../executions/schedule-execution.ts';
import type { RunAnswer, WantedRun } from '../executions/sql/start-background.ts';
import type { TargetRef } from './targets.ts';

/** One transaction in which a schedule is judged and its executions are started. */
export interface FireScope {
  readonly connection: Connection;
  /** Starts an execution in this transaction, behind a savepoint: a refusal throws, and leaves nothing. */
  start(target: TargetRef, input: JsonValue): Promise<Scheduled>;
  /** Starts tasks that were drafted, in one statement; waits for rivals up to the lock timeout (55P03). */
  startAll(wanted: readonly WantedRun[]): Promise<readonly RunAnswer[]>;
  /** Cancels an execution in this transaction; true where it has ended, false where running steps have to end first. */
  cancel(executionId: string, reason: { readonly by: string; readonly reason: string }): Promise<boolean>;
}

/** Handed in by the composition root, which knows the application's DataSource. */
export interface Firing {
  /** Lost against other transactions it is tried again, up to `tries` times in all: 20 where that is not said. */
  transaction<T>(work: (scope: FireScope) => Promise<T>, tries?: number): Promise<T>;
  /** The rows that the start of a task needs; runs no statement. Throws for what is wrong with its input. */
  draft(target: TargetRef, input: JsonValue): Promise<WantedRun>;
}
