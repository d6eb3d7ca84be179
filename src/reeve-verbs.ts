import { randomUUID } from 'node:crypto';
import { Schedules } from './beat/schedules.ts';
import type { Targets } from './beat/targets.ts';
import type { Firing } from './beat/firing.ts';
import { durationMs, type Duration } from './core/duration.ts';
import { isReeveError } from './core/errors.ts';
import type { Logger } from './core/logging.ts';
import type { Connection } from './executions/connection.ts';
import { poolConfigOf, type LedgerPool } from './executions/ledger-pool.ts';
import type { ExecutionScheduler } from './executors/execution-scheduler.ts';
import { verbHandlers } from './executors/verbs/verb-handlers.ts';
import { invokeVerb } from './executors/verbs/verb-tasks.ts';
import { VerbRuntime } from './moo/runtime.ts';
import type { ScheduledTaskInfo, TaskScheduling, VerbInvocation } from './moo/tasks/scheduling.ts';
import { executeRequest } from './reeve-execute.ts';
import type { ResolvedOptions } from './reeve-options.ts';
import type { StepHandler } from './tasks/step-handler.ts';

export interface VerbParts {
  readonly pool: LedgerPool;
  readonly scheduler: ExecutionScheduler;
  readonly targets: Targets;
  readonly firing: Firing;
  readonly options: ResolvedOptions;
  readonly logger: Logger;
  /** Looks for what is ready and what is due, after a commit. */
  readonly nudge: () => void;
}

/**
 * The verb family of one Reeve: what runs its tasks, and what they ask of the engine. Undefined without the option
 * `verbs`.
 *
 * @param handlers - Gets what runs the tasks.
 */
export function makeVerbs(parts: VerbParts, handlers: Map<string, StepHandler>): VerbRuntime | undefined {
  const { options, logger } = parts;
  const { verbs } = options;
  if (verbs === undefined) return undefined;
  const runtime = new VerbRuntime({
    postgres: poolConfigOf(options.dataSource),
    schema: options.schema,
    limits: verbs.limits,
    folder: verbs.folder,
    logger,
    size: options.queues['verbs'] ?? 1,
    scheduling: schedulingOf(parts),
  });
  for (const [name, handler] of verbHandlers(runtime)) handlers.set(name, handler);
  return runtime;
}

const namePrefix = 'verb-';
/** After commands, which somebody waits for. */
const invocationPriority = 10;

function schedulingOf({ scheduler, targets, firing, options, nudge }: VerbParts): TaskScheduling {
  const schedulesOn = (connection: Connection): Schedules =>
    new Schedules(async () => ({
      pool: { ...connection, transaction: (work) => work(connection) },
      firing,
      targets,
      changed: () => undefined,
    }));
  return {
    async start(connection, invocation, delayMs) {
      const executeOptions = { priority: invocationPriority, ...(delayMs > 0 && { countdown: delayMs }) };
      await scheduler.scheduleOn(connection, executeRequest(invokeVerb, [invocation, executeOptions], options));
    },
    async createSchedule(connection, invocation: VerbInvocation, when) {
      const name = `${namePrefix}${randomUUID()}`;
      const times = 'cron' in when ? { cron: when.cron } : { every: when.everySeconds * 1_000 };
      await schedulesOn(connection).create({
        name,
        target: invokeVerb,
        input: { ...invocation, root: name },
        ...times,
      });
      return name;
    },
    async cancelSchedule(connection, id) {
      if (!id.startsWith(namePrefix)) return false;
      return schedulesOn(connection)
        .delete(id)
        .then(() => true)
        .catch(absent(false));
    },
    async scheduleInfo(connection, id) {
      if (!id.startsWith(namePrefix)) return null;
      const view = await schedulesOn(connection).get(id).catch(absent(undefined));
      if (view === undefined) return null;
      const { every } = view.options as { every?: Duration };
      const input = view.input as { this?: number; verb?: string };
      return {
        enabled: view.state === 'active',
        lastRunAt: view.runs === 0 ? null : (view.lastDueAt?.toISOString() ?? null),
        nextRunAt: view.nextDueAt?.toISOString() ?? null,
        totalRunCount: view.runs,
        intervalSeconds: every === undefined ? null : durationMs(every, 'every') / 1_000,
        task: `#${input.this}:${input.verb}`,
      } satisfies ScheduledTaskInfo;
    },
    async countSchedules(connection, account) {
      const { rows } = await connection.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM ${connection.schema}.schedule
         WHERE executor = $1 AND (input->>'account')::integer = $2`,
        [invokeVerb.name, account],
      );
      return rows[0]?.count ?? 0;
    },
    nudge,
  };
}

function absent<T>(answer: T): (error: unknown) => T {
  return (error) => {
    if (isReeveError(error, 'SCHEDULE_UNKNOWN')) return answer;
    throw error;
  };
}
