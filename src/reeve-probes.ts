import { Gauge } from 'prom-client';
import type { Logger } from './core/logging.ts';
import { liveLoops, type LoopHealth } from './core/loop.ts';
import { registry } from './core/metrics.ts';
import type { QueueStatus, ReeveStatus } from './executions/read-status.ts';
import { ProbeServer } from './probes/probe-server.ts';
import { refuseWhenIsolated } from './reeve-isolation.ts';

export interface ProbeOptions {
  /** 0: any free one, which the handle tells. */
  readonly port: number;
  /** Default `127.0.0.1`; use `0.0.0.0` where an orchestrator asks from outside. */
  readonly host?: string;
}

/** Probes that answer. */
export interface ProbeHandle {
  readonly port: number;
  stop(): Promise<void>;
}

interface ProbeSource {
  readonly logger: Logger;
  readonly leaseMs: number;
  /** Whether a worker or a beat runs here and takes work. */
  readonly isServing: () => boolean;
  readonly status: () => Promise<ReeveStatus>;
}

/** A loop without which nothing moves may fail, or be late, this long before the process is not ready. */
const failingMs = 3_000;
const lateMs = 10_000;
const vital = new Set(['relay', 'due', 'heartbeat', 'beat']);

/** Starts the probes of one Reeve; see {@link ProbeServer}. */
export async function startProbes(options: ProbeOptions, source: ProbeSource): Promise<ProbeHandle> {
  refuseWhenIsolated('probes');
  const server = await ProbeServer.start({
    host: options.host ?? '127.0.0.1',
    port: options.port,
    // A process that is silent for longer has lost its leases.
    logger: source.logger,
    hungMs: source.leaseMs,
    unready: () => (source.isServing() ? failingLoops() : ['no worker and no beat runs here']),
  });
  const gauges = queueGauges(source.status);
  return {
    port: server.port,
    async stop() {
      for (const [name, gauge] of gauges) {
        // Another Reeve of this process may have put its own in place of it.
        if (registry.getSingleMetric(name) === gauge) registry.removeSingleMetric(name);
      }
      await server.stop();
    },
  };
}

function failingLoops(): string[] {
  return liveLoops()
    .filter((loop) => vital.has(loop.name) && isUnwell(loop))
    .map(({ name, lagMs }) => `${name} has failed for ${Math.round(lagMs / 1_000)} s`);
}

/** A round that hangs has not failed yet. */
function isUnwell({ isFailing, lagMs, intervalMs }: LoopHealth): boolean {
  return isFailing ? lagMs > failingMs : lagMs > intervalMs + lateMs;
}

/** Gauges that are asked for at the same moment share one look. */
const lookMs = 500;

/** What the ledger says of each queue, read when somebody asks for metrics; nothing while it does not answer. */
function queueGauges(status: ProbeSource['status']): ReadonlyMap<string, Gauge<'queue'>> {
  let look: Promise<readonly QueueStatus[]> | undefined;
  const queues = (): Promise<readonly QueueStatus[]> => {
    if (look !== undefined) return look;
    setTimeout(() => (look = undefined), lookMs).unref();
    return (look = status().then(
      (found) => found.queues,
      () => [],
    ));
  };
  const gauge = (name: string, help: string, of: (queue: QueueStatus) => number): [string, Gauge<'queue'>] => {
    const made = new Gauge({
      name,
      help,
      labelNames: ['queue'] as const,
      registers: [],
      async collect() {
        const found = await queues();
        this.reset();
        for (const queue of found) this.set({ queue: queue.name }, of(queue));
      },
    });
    registry.removeSingleMetric(name);
    registry.registerMetric(made);
    return [name, made];
  };
  return new Map([
    gauge('reeve_queue_ready_steps', 'Steps that could run now.', ({ ready }) => ready),
    gauge('reeve_queue_running_steps', 'Steps that run.', ({ running }) => running),
    gauge('reeve_queue_delayed_steps', 'Steps that wait for their time.', ({ delayed }) => delayed),
    gauge('reeve_queue_workers', 'Live workers that serve the queue.', ({ workers }) => workers),
    gauge('reeve_queue_oldest_ready_seconds', 'How long its oldest ready step has waited.', ({ oldestReadyMs }) => {
      return oldestReadyMs / 1_000;
    }),
  ]);
}
