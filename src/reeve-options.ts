import type { DataSource } from 'typeorm';
import type { ScheduleDefinition } from './beat/define-schedule.ts';
import { problemsError } from './core/errors.ts';
import { isolationKinds, type IsolationKind } from './core/isolation.ts';
import { JSON_LIMITS, type JsonLimits } from './core/json.ts';
import { logLevels, type Logger, type LogLevel } from './core/logging.ts';
import { didYouMean } from './core/nearest-name.ts';
import { nameProblems, unknownOptions } from './core/options.ts';
import { builtInQueues, type QueueName } from './core/queue-names.ts';
import { checkedSchema } from './executions/ledger-pool.ts';
import type { ExecutorDefinition } from './executors/executor-definition.ts';
import { registrationProblems } from './executors/registration-problems.ts';
import type { AnyResource, ResourceDefinition } from './resources/define-resource.ts';
import { parseIsolation, type IsolationOptions, type IsolationSettings } from './isolation/isolation-options.ts';
import { isolationProblems, type TaskDefinition } from './tasks/define-task.ts';
import { durationMs, type Duration } from './core/duration.ts';
import { parseRetention, type Retention, type RetentionOptions } from './recovery/retention.ts';
import { parseVerbOptions, type ResolvedVerbOptions, type VerbOptions } from './reeve-verb-options.ts';
import { verbTasks } from './executors/verbs/verb-tasks.ts';
import type { Continuation } from './workers/job-turn.ts';
import {
  parseContinuation,
  parseTiming,
  type ContinuationOptions,
  type Timing,
  type TimingOptions,
} from './workers/worker-options.ts';

export interface QueueOptions {
  /** How many steps of this queue one worker process runs at once: 1 to 1000. */
  readonly concurrency?: number;
  /**
   * Runs the code of its steps in threads or processes of their own, one step at a time in each: code that blocks, or will
   * not end, disturbs nobody and is killed at its `timeLimit`. A task's own `isolation` comes first.
   */
  readonly isolation?: IsolationKind;
}

/** Any executor, whatever its resource and input are. */
export type AnyExecutor = ExecutorDefinition<never>;

export interface ReeveOptions {
  /** The application's TypeORM DataSource on PostgreSQL 15 or newer. It is initialised on first use if it is not yet. */
  readonly dataSource: DataSource;
  /** Where Redis is. Absent or empty: BullMQ keeps its jobs in PostgreSQL. */
  readonly redis?: string | undefined;
  /** The queues that exist beside the built-in ones, and the concurrency of each. */
  readonly queues?: Readonly<Partial<Record<QueueName, QueueOptions>>>;
  readonly executors?: readonly AnyExecutor[];
  /** Tasks that plans use or that run alone. */
  readonly tasks?: readonly TaskDefinition<never>[];
  /** Lets verbs run: the tasks `parseCommand`, `parseCode` and `invokeVerb` on queue `verbs`. Off without it. */
  readonly verbs?: VerbOptions;
  /** What runs by the clock; a beat (`reeve beat`, or `startBeat`) fires it. */
  readonly schedules?: readonly ScheduleDefinition[];
  /** Resources that no executor names. */
  readonly resources?: readonly AnyResource[];
  /** The schema of the ledger. Default `reeve`. */
  readonly schema?: string;
  /** The schema of BullMQ's own tables, where PostgreSQL is the broker. Default: the ledger's with `_broker`. */
  readonly brokerSchema?: string;
  readonly timing?: TimingOptions;
  /** How long what has ended is kept; `false` keeps everything for ever. */
  readonly retention?: RetentionOptions | false;
  readonly limits?: Partial<JsonLimits>;
  /** How threads and processes of isolated steps are started and when they are replaced. */
  readonly isolation?: IsolationOptions;
  /** How long starting an operation waits for a rival's open transaction. Default `1s`. */
  readonly lockTimeout?: Duration;
  /** How long a stopping worker waits for the steps that it runs. Default `25s`. */
  readonly drain?: Duration;
  /** How long steps that still run after that have to end, once their signal was aborted. Default `3s`. */
  readonly stopGrace?: Duration;
  /**
   * Whether a process without a worker or a beat publishes what it has committed. With `false` it needs no broker, and
   * the relays of the others do it, up to a second later. Default `true`.
   */
  readonly publish?: boolean;
  /**
   * Whether claims, and plain completions, that come at the same time in a worker share a transaction. Default `true`;
   * `false` is for comparison.
   */
  readonly groupCommit?: boolean;
  /**
   * How far a worker goes on with a chain by itself, where the next step is a plain one of the same queue, before other
   * jobs have their turn. Default 50 steps within a second; `false`: each step is a job of its own.
   */
  readonly continuation?: ContinuationOptions | false;
  /** The most connections of the engine's own pool to PostgreSQL. Default 10. */
  readonly poolSize?: number;
  readonly logger?: Logger;
  /** Used when no logger is given. Default: the environment's REEVE_LOG_LEVEL, else `info`. */
  readonly logLevel?: LogLevel;
}

export interface ResolvedOptions {
  readonly dataSource: DataSource;
  readonly redis: string | undefined;
  readonly queues: Readonly<Record<string, number>>;
  readonly executors: readonly ExecutorDefinition[];
  readonly tasks: readonly TaskDefinition<never>[];
  readonly schedules: readonly ScheduleDefinition[];
  readonly verbs: ResolvedVerbOptions | undefined;
  readonly resources: readonly ResourceDefinition[];
  readonly schema: string;
  readonly brokerSchema: string;
  readonly timing: Timing;
  readonly retention: Retention;
  readonly limits: JsonLimits;
  readonly isolation: IsolationSettings;
  /** The queues whose steps do not run in their worker. */
  readonly isolatedQueues: Readonly<Record<string, IsolationKind>>;
  readonly lockTimeoutMs: number;
  readonly drainMs: number;
  readonly stopGraceMs: number;
  readonly publish: boolean;
  /** How many claims or completions share a transaction. */
  readonly groupLimit: number;
  readonly continuation: Continuation | null;
  readonly poolSize: number;
  readonly logger: Logger | undefined;
  readonly logLevel: LogLevel;
}

const knownOptions = [
  'dataSource',
  'redis',
  'queues',
  'executors',
  'tasks',
  'schedules',
  'verbs',
  'resources',
  'schema',
  'brokerSchema',
  'timing',
  'retention',
  'limits',
  'isolation',
  'lockTimeout',
  'drain',
  'stopGrace',
  'poolSize',
  'groupCommit',
  'continuation',
  'publish',
  'logger',
  'logLevel',
];

/** PostgreSQL refuses longer ones. */
const longestLockTimeoutMs = 2_147_483_647;

/** More do not make a transaction cheaper for each. */
const largestGroup = 200;

const defaultConcurrency: Readonly<Record<string, number>> = { tasks: 10, heavy: 2, background: 5, verbs: 4 };

/** @throws CONFIGURATION_INVALID with all problems of the options and of everything that is registered by them. */
export function parseOptions(options: ReeveOptions): ResolvedOptions {
  const problems = unknownOptions(options, knownOptions, 'defineReeve');
  const executors = (options.executors ?? []) as unknown as readonly ExecutorDefinition[];
  const tasks = [...(options.tasks ?? []), ...(options.verbs === undefined ? [] : verbTasks)];
  const schedules = options.schedules ?? [];
  const extra = (options.resources ?? []) as unknown as readonly ResourceDefinition[];
  const queues = parseQueues(options.queues ?? {}, problems);
  const isolatedQueues = parseIsolatedQueues(options.queues ?? {}, problems);
  const used = [...executors, ...tasks].flatMap(({ resource }) => resource ?? []);
  const resources = [...new Set([...used, ...extra])];
  problems.push(
    ...duplicates('executor', executors),
    ...duplicates('task', tasks),
    ...duplicates('resource', resources),
    ...duplicates('schedule', schedules),
    ...schedules.flatMap(({ name, target }) => scheduleProblems(name, target, { executors, tasks })),
    ...tasks.filter((task) => !Object.hasOwn(queues, task.queue)).map((task) => unknownQueue(task, queues)),
    ...tasks.flatMap((task) => unregisteredStarts(task, tasks)),
    ...tasks.flatMap((task) => transactionalProblems(task, isolatedQueues)),
    ...executors.flatMap((executor) =>
      registrationProblems(executor, { queues: Object.keys(queues), tasks, executors }),
    ),
  );
  if (options.dataSource?.options?.type !== 'postgres') {
    problems.push('dataSource is missing or not of type "postgres"; pass a TypeORM DataSource');
  }
  const poolSize = options.poolSize ?? 10;
  if (!Number.isInteger(poolSize) || poolSize < 2) problems.push(`poolSize is ${poolSize}; use a whole number from 2`);
  if (problems.length > 0)
    throw problemsError('CONFIGURATION_INVALID', 'The configuration of Reeve is wrong', problems);
  const schema = checkedSchema(options.schema ?? 'reeve');
  return {
    dataSource: options.dataSource,
    redis: options.redis === '' ? undefined : options.redis,
    queues,
    executors,
    tasks,
    schedules,
    verbs: options.verbs === undefined ? undefined : parseVerbOptions(options.verbs),
    resources,
    schema,
    brokerSchema: checkedSchema(options.brokerSchema ?? `${schema}_broker`),
    timing: parseTiming(options.timing ?? {}),
    retention: parseRetention(options.retention ?? {}),
    limits: { ...JSON_LIMITS, ...options.limits },
    isolation: parseIsolation(options.isolation ?? {}),
    isolatedQueues,
    lockTimeoutMs: Math.min(durationMs(options.lockTimeout ?? '1s', 'lockTimeout'), longestLockTimeoutMs),
    drainMs: durationMs(options.drain ?? '25s', 'drain'),
    stopGraceMs: durationMs(options.stopGrace ?? '3s', 'stopGrace'),
    publish: options.publish ?? true,
    groupLimit: options.groupCommit === false ? 1 : largestGroup,
    continuation: parseContinuation(options.continuation ?? {}),
    poolSize,
    logger: options.logger,
    logLevel: options.logLevel ?? levelFromEnvironment() ?? 'info',
  };
}

function levelFromEnvironment(): LogLevel | undefined {
  const level = process.env['REEVE_LOG_LEVEL'];
  return logLevels.find((known) => known === level);
}

function parseQueues(
  given: Readonly<Record<string, QueueOptions | undefined>>,
  problems: string[],
): Record<string, number> {
  const queues: Record<string, number> = {};
  for (const name of new Set([...builtInQueues, ...Object.keys(given)])) {
    const options = given[name] ?? {};
    const subject = `queue "${name}"`;
    problems.push(...nameProblems(name, subject), ...unknownOptions(options, ['concurrency', 'isolation'], subject));
    const concurrency = options.concurrency ?? defaultConcurrency[name] ?? 10;
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1_000) {
      problems.push(`${subject} has concurrency ${concurrency}; use 1 to 1000`);
    }
    queues[name] = concurrency;
  }
  return queues;
}

function parseIsolatedQueues(
  given: Readonly<Record<string, QueueOptions | undefined>>,
  problems: string[],
): Record<string, IsolationKind> {
  const isolated: Record<string, IsolationKind> = {};
  for (const [name, options] of Object.entries(given)) {
    problems.push(...isolationProblems(options?.isolation, `queue "${name}"`));
    if (isolationKinds.includes(options?.isolation ?? '')) isolated[name] = options?.isolation as IsolationKind;
  }
  return isolated;
}

function transactionalProblems(
  { name, queue, isolation, transactional }: TaskDefinition<never>,
  isolatedQueues: Readonly<Record<string, IsolationKind>>,
): string[] {
  const kind = isolation ?? isolatedQueues[queue] ?? 'none';
  if (transactional !== true || kind === 'none') return [];
  return [
    `task "${name}" is transactional, and cannot run in a ${kind} (isolation of the ${isolation === undefined ? `queue "${queue}"` : 'task'}); a transaction cannot leave its process`,
  ];
}

function scheduleProblems(
  name: string,
  target: object & { readonly name: string },
  registered: { readonly executors: readonly object[]; readonly tasks: readonly object[] },
): string[] {
  const isTask = 'handler' in target;
  if ((isTask ? registered.tasks : registered.executors).includes(target)) return [];
  const where = isTask ? 'tasks' : 'executors';
  return [`schedule "${name}" starts "${target.name}", which is not registered; add it to "${where}"`];
}

function duplicates(what: string, named: readonly { readonly name: string }[]): string[] {
  const byName = Map.groupBy(named, (item) => item.name);
  return [...byName]
    .filter(([, items]) => items.length > 1)
    .map(([name, items]) => {
      return `${what} "${name}" is registered ${items.length} times; names must be unique`;
    });
}

function unregisteredStarts(task: TaskDefinition<never>, tasks: readonly TaskDefinition<never>[]): string[] {
  return (task.starts ?? [])
    .filter((started) => !tasks.includes(started))
    .map((started) => `task "${task.name}" starts "${started.name}", which is not registered; add it to "tasks"`);
}

function unknownQueue(task: TaskDefinition<never>, queues: Readonly<Record<string, number>>): string {
  const hint = didYouMean(task.queue, Object.keys(queues));
  return `task "${task.name}" names the queue "${task.queue}", which is not configured${hint}`;
}
