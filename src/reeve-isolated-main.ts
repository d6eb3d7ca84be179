/** The program of a thread or a process for isolated steps. */
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { getHeapStatistics } from 'node:v8';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { ReeveError } from './core/errors.ts';
import { markIsolatedSide } from './core/isolation.ts';
import { storeError } from './core/stored-error.ts';
import { surviveConnectionsLostBy } from './executions/ledger-pool.ts';
import { PlanFunctions } from './executors/plan-functions.ts';
import { TaskRegistry } from './executors/task-registry.ts';
import { endGroup } from './isolation/end-group.ts';
import { importApp } from './isolation/import-app.ts';
import type { AppModule, FromSide, ToSide } from './isolation/messages.ts';
import { StepServer } from './isolation/step-server.ts';
import { bytesPerMb } from './isolation/transport.ts';
import { aboutApp } from './reeve-isolation.ts';
import type { ResolvedOptions } from './reeve-options.ts';
import { ResourceRegistry } from './resources/resource-registry.ts';

/** The pipe that breaks when the worker dies; see process-transport.ts. */
const lifePipe = 3;

interface Channel {
  readonly app: AppModule;
  readonly send: (message: FromSide) => void;
  readonly onMessage: (listener: (message: ToSide) => void) => void;
  /** MB. */
  readonly memory: () => number;
}

function threadChannel(): Channel {
  return {
    app: workerData as AppModule,
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    send: (message) => parentPort?.postMessage(message),
    onMessage: (listener) => parentPort?.on('message', listener),
    memory() {
      const { used_heap_size: heap, external_memory: buffers } = getHeapStatistics();
      return (heap + buffers) / bytesPerMb;
    },
  };
}

function processChannel(): Channel {
  const here = fileURLToPath(import.meta.url);
  const watchdog = path.join(path.dirname(here), 'isolation', `watchdog-thread${path.extname(here)}`);
  new Worker(watchdog, { workerData: { fd: lifePipe }, name: 'reeve-watchdog' }).unref();
  // Whoever stops the whole group of the worker, or all that a service manager has started, means the worker.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
  // The worker is gone, and what the code of a step has started goes as well, whether this or the watchdog sees it first.
  process.on('disconnect', endGroup);
  return {
    app: JSON.parse(process.argv[2] ?? '{}') as AppModule,
    send: (message) => process.send?.(message),
    onMessage: (listener) => process.on('message', listener),
    memory: () => process.memoryUsage.rss() / bytesPerMb,
  };
}

async function serve({ app, send, onMessage, memory }: Channel): Promise<void> {
  const options = optionsOf(await importApp(app), app);
  const { dataSource, executors, limits } = options;
  if (!dataSource.isInitialized) await dataSource.initialize();
  surviveConnectionsLostBy(dataSource);
  const surroundings = {
    resources: new ResourceRegistry(dataSource, options.resources),
    functions: new PlanFunctions(executors, limits),
    tasks: new TaskRegistry(options.tasks),
    limits,
  };
  const server = new StepServer(surroundings, send, memory);
  onMessage((message) => server.receive(message));
  send({ t: 'hello', about: aboutApp(options) });
}

/** By its shape: the app may have another copy of this package. */
function optionsOf(value: unknown, { module, exportName }: AppModule): ResolvedOptions {
  const options = typeof value === 'object' && value !== null && 'options' in value ? value.options : undefined;
  const isResolved =
    typeof options === 'object' && options !== null && 'dataSource' in options && 'isolatedQueues' in options;
  if (isResolved) return options as ResolvedOptions;
  const what =
    typeof value === 'object' && value !== null ? `a ${value.constructor?.name ?? 'plain object'}` : typeof value;
  throw new ReeveError(
    'ISOLATION_UNAVAILABLE',
    `the export "${exportName}" of ${module} is ${what}, not what defineReeve returned; name the right one with isolation: { export: '…' }`,
    { retryable: true },
  );
}

markIsolatedSide();
const channel = isMainThread ? processChannel() : threadChannel();
try {
  await serve(channel);
} catch (error) {
  // A database that is away, or has no connection left, is there again later.
  const stored = storeError(error, 'ISOLATION_UNAVAILABLE');
  channel.send({ t: 'unable', error: { ...stored, retryable: !stored.permanent } });
}
