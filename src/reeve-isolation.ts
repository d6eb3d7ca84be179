import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { DataSource } from 'typeorm';
import { isIsolatedSide, type IsolationKind } from './core/isolation.ts';
import { ReeveError } from './core/errors.ts';
import type { Logger } from './core/logging.ts';
import { poolConfigOf } from './executions/ledger-pool.ts';
import type { TaskRegistry } from './executors/task-registry.ts';
import { IsolationPool } from './isolation/isolation-pool.ts';
import { IsolationRules } from './isolation/isolation-rules.ts';
import type { AppAbout } from './isolation/messages.ts';
import type { ResolvedOptions } from './reeve-options.ts';
import type { Isolation } from './workers/run-isolated.ts';

/** From where a process has imported its Reeve, so that its threads and processes can do it again. */
export interface LoadedFrom {
  /** An absolute path or a URL, whose default export the Reeve is. */
  readonly module: string;
  /** URLs of modules that are imported before it. */
  readonly preload?: readonly string[];
}

/** What isolates the steps of one process; nothing is started yet. `isolation.module` of the options comes before `from`. */
export function makeIsolation(
  options: ResolvedOptions,
  tasks: TaskRegistry,
  logger: Logger,
  from: LoadedFrom | undefined,
): Isolation {
  const { module = from && moduleUrl(from.module), exportName, memory, maxTasks, startTimeoutMs } = options.isolation;
  const preload = from?.preload ?? [];
  const pool = new IsolationPool({
    entry: entryUrl(),
    app: module === undefined ? undefined : { module, exportName, preload },
    about: aboutApp(options),
    memoryLimit: memory,
    maxTasks,
    startTimeoutMs,
    logger,
  });
  return { rules: new IsolationRules(options.isolatedQueues, tasks), pool };
}

/** Starts what a worker of these queues will need. @throws ISOLATION_UNAVAILABLE */
export async function warmIsolation({ rules, pool }: Isolation, queues: readonly string[]): Promise<void> {
  const kinds: ReadonlySet<IsolationKind> = rules.kindsFor(queues);
  await pool.warm(kinds);
}

/** What must be the same in a worker and in its threads and processes. */
export function aboutApp({ tasks, resources, schema, dataSource }: ResolvedOptions): AppAbout {
  return {
    tasks: tasks.map(({ name }) => name),
    resources: resources.map(({ name }) => name),
    schema,
    database: databaseOf(dataSource),
  };
}

/** @throws ISOLATION_REFUSED where this is an isolated thread or process: it would start others, without end. */
export function refuseWhenIsolated(what: string): void {
  if (!isIsolatedSide()) return;
  throw new ReeveError(
    'ISOLATION_REFUSED',
    `${what} cannot be started in a thread or process for isolated steps; the module that exports the Reeve must not start it when it is imported`,
  );
}

function databaseOf(dataSource: DataSource): string {
  const { connectionString, host = '', port = 5_432, database = '' } = poolConfigOf(dataSource);
  if (connectionString === undefined) return `${host}:${port}/${database}`;
  return URL.canParse(connectionString) ? `${new URL(connectionString).host}${new URL(connectionString).pathname}` : '';
}

function moduleUrl(module: string): string {
  return path.isAbsolute(module) ? pathToFileURL(module).href : module;
}

function entryUrl(): URL {
  return new URL(`reeve-isolated-main${path.extname(fileURLToPath(import.meta.url))}`, import.meta.url);
}
