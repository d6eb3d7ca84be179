import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../../executions/connection.ts';
import type { MooValue } from '../world/values.ts';

/** What an `invokeVerb` task is asked to do; stored in the ledger as its input. */
export type VerbInvocation = {
  /** With whose permissions it was asked for: they are looked at again when it runs. */
  readonly caller: number;
  readonly player: number | null;
  readonly this: number;
  readonly verb: string;
  readonly args: readonly MooValue[];
  readonly kwargs: { readonly [name: string]: MooValue };
  readonly callback: { readonly this: number; readonly verb: string } | null;
  /** Whose quota it counts against. */
  readonly account: number;
  /** The first task of the chain, and how many have scheduled one another since. */
  readonly root: string;
  readonly hops: number;
  /** Fired by a schedule, which only a wizard may have. */
  readonly periodic: boolean;
};

export interface ScheduledTaskInfo {
  readonly [key: string]: JsonValue;
  readonly enabled: boolean;
  /** ISO 8601, or null before the first run. */
  readonly lastRunAt: string | null;
  readonly nextRunAt: string | null;
  readonly totalRunCount: number;
  /** Null for cron. */
  readonly intervalSeconds: number | null;
  readonly task: string;
}

/** What the engine does for verbs, in the verb's own transaction: nothing of it is there unless that commits. */
export interface TaskScheduling {
  start(connection: Connection, invocation: VerbInvocation, delayMs: number): Promise<void>;
  /** Answers the id. @throws SCHEDULE_INVALID */
  createSchedule(
    connection: Connection,
    invocation: VerbInvocation,
    when: { readonly everySeconds: number } | { readonly cron: string },
  ): Promise<string>;
  cancelSchedule(connection: Connection, id: string): Promise<boolean>;
  scheduleInfo(connection: Connection, id: string): Promise<ScheduledTaskInfo | null>;
  countSchedules(connection: Connection, account: number): Promise<number>;
  /** To be called after the commit. */
  nudge(): void;
}
