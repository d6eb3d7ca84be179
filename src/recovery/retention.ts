import { durationMs, type Duration } from '../core/duration.ts';
import { problemsError } from '../core/errors.ts';
import type { Logger } from '../core/logging.ts';
import { Loop } from '../core/loop.ts';
import { unknownOptions } from '../core/options.ts';
import type { Connection } from '../executions/connection.ts';
import { sqlState } from '../executions/sql-state.ts';
import { pruneEvents } from '../executions/sql/prune-events.ts';
import { pruneExecutions } from '../executions/sql/prune-executions.ts';
import { pruneFloods } from '../executions/sql/prune-floods.ts';
import { pruneMessages } from '../executions/sql/prune-messages.ts';
import { pruneFires } from '../executions/sql/prune-fires.ts';
import { pruneWorkers } from '../executions/sql/prune-workers.ts';

/** How long what has ended is kept; `false` keeps it for ever. */
export interface RetentionOptions {
  /** Executions that succeeded, with their steps, attempts, events, children and verdicts. Default `30d`. */
  readonly succeeded?: Duration | false;
  /** Executions that failed or were canceled, with the same. Default `90d`. */
  readonly failed?: Duration | false;
  /** Verdicts of due times that started nothing. Default `30d`. */
  readonly fires?: Duration | false;
  /** Events that belong to no execution, and the rows of processes that are gone. Default `90d`. */
  readonly events?: Duration | false;
  /** Messages to players of the world of verbs. Default `30d`. */
  readonly messages?: Duration | false;
}

/** In milliseconds; undefined for ever. */
export type Retention = { readonly [K in keyof RetentionOptions]-?: number | undefined };

const defaults = { succeeded: '30d', failed: '90d', fires: '30d', events: '90d', messages: '30d' } as const;
/** Counts of lines matter for ten seconds; they go with the messages, but need not be kept as long. */
const floodMs = 3_600_000;

/** @throws CONFIGURATION_INVALID for an unknown name or a bad duration. */
export function parseRetention(options: RetentionOptions | false): Retention {
  const names = Object.keys(defaults) as (keyof RetentionOptions)[];
  const given = options === false ? Object.fromEntries(names.map((name) => [name, false])) : options;
  const problems = unknownOptions(given, names, 'retention');
  if (problems.length > 0) throw problemsError('CONFIGURATION_INVALID', 'The retention is wrong', problems);
  const ageOf = (name: keyof RetentionOptions): number | undefined => {
    const age = (given as RetentionOptions)[name] ?? defaults[name];
    return age === false ? undefined : durationMs(age, `retention.${name}`);
  };
  return Object.fromEntries(names.map((name) => [name, ageOf(name)])) as Retention;
}

const intervalMs = 60_000;
/** Between two batches, so that the deleting never takes the database from the work. */
const breathMs = 50;
const largestBatch = 500;

/**
 * Deletes what has ended and is older than it need be, in small batches that wait for nobody. Any number may run at
 * once: each takes other rows.
 */
export class RetentionLoop {
  readonly #loop: Loop;
  readonly #jobs: readonly ((limit: number) => Promise<number>)[];
  #batch = largestBatch;

  constructor(connection: Connection, retention: Retention, logger: Logger) {
    const { succeeded, failed, fires, events, messages } = retention;
    this.#jobs = [
      ...(succeeded === undefined ? [] : [prune(pruneExecutions, connection, 'succeeded', succeeded)]),
      ...(failed === undefined ? [] : [prune(pruneExecutions, connection, 'unsuccessful', failed)]),
      ...(fires === undefined ? [] : [(limit: number) => pruneFires(connection, fires, limit)]),
      ...(events === undefined ? [] : [(limit: number) => pruneEvents(connection, events, limit)]),
      ...(events === undefined ? [] : [(limit: number) => pruneWorkers(connection, events, limit)]),
      ...(messages === undefined ? [] : [(limit: number) => pruneMessages(connection, messages, limit)]),
      ...(messages === undefined ? [] : [(limit: number) => pruneFloods(connection, floodMs, limit)]),
    ];
    this.#loop = new Loop({ name: 'retention', logger, intervalMs, round: (signal) => this.#round(signal) });
  }

  start(): void {
    if (this.#jobs.length > 0) this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #round(signal: AbortSignal): Promise<number | undefined> {
    let isFull = false;
    for (const job of this.#jobs) {
      if (signal.aborted) return undefined;
      isFull = (await this.#run(job)) || isFull;
    }
    return isFull ? breathMs : undefined;
  }

  /** A batch that does not end within the statement timeout (plans of thousands of steps) is made smaller. */
  async #run(job: (limit: number) => Promise<number>): Promise<boolean> {
    const batch = this.#batch;
    try {
      return (await job(batch)) === batch;
    } catch (error) {
      if (sqlState(error) !== '57014' || batch === 1) throw error;
      this.#batch = Math.ceil(batch / 5);
      return true;
    }
  }
}

function prune(
  statement: typeof pruneExecutions,
  connection: Connection,
  which: 'succeeded' | 'unsuccessful',
  ageMs: number,
): (limit: number) => Promise<number> {
  return (limit) => statement(connection, which, ageMs, limit);
}
