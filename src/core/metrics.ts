import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { liveLoops, type LoopHealth } from './loop.ts';

/** The metrics of this process, in the names and units of Prometheus; shared by every Reeve in it. */
export const registry = new Registry();
const registers = [registry];

export const stepsEnded = new Counter({
  name: 'reeve_step_attempts_total',
  help: 'Attempts of steps that have ended in this process, by what became of them.',
  labelNames: ['queue', 'task', 'outcome'] as const,
  registers,
});

export const stepSeconds = new Histogram({
  name: 'reeve_step_attempt_seconds',
  help: 'How long an attempt took, from its claim to its completion.',
  labelNames: ['queue'] as const,
  buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1_800],
  registers,
});

export const stepsReaped = new Counter({
  name: 'reeve_steps_reaped_total',
  help: 'Steps that this process has taken from workers that gave no sign of life.',
  registers,
});

export const jobsRestored = new Counter({
  name: 'reeve_jobs_restored_total',
  help: 'Jobs that the broker had lost one by one, and that this process has sent again.',
  labelNames: ['queue'] as const,
  registers,
});

export const epochsBegun = new Counter({
  name: 'reeve_queue_epochs_total',
  help: 'How often this process found a queue new or wiped, and published all of it again.',
  labelNames: ['queue'] as const,
  registers,
});

export const isolatedStarts = new Histogram({
  name: 'reeve_isolated_start_seconds',
  help: 'How long a thread or process for isolated steps took to be ready, the import of the app included.',
  labelNames: ['kind'] as const,
  buckets: [0.1, 0.25, 0.5, 1, 2, 5, 10, 30],
  registers,
});

export const isolatedEnds = new Counter({
  name: 'reeve_isolated_ends_total',
  help: 'Threads and processes for isolated steps that this process has ended, or lost, by the cause.',
  labelNames: ['kind', 'cause'] as const,
  registers,
});

registry.registerMetric(
  loopGauge(
    'reeve_loop_lag_seconds',
    'Seconds since a loop last did its work; of several of one name the worst.',
    (loop) => loop.lagMs / 1_000,
  ),
);
registry.registerMetric(
  loopGauge('reeve_loop_failing', '1 while the last round of a loop has failed.', (loop) => (loop.isFailing ? 1 : 0)),
);

/** Of the loops that run in this process when somebody asks. */
function loopGauge(name: string, help: string, of: (loop: LoopHealth) => number): Gauge<'loop'> {
  return new Gauge({
    name,
    help,
    labelNames: ['loop'],
    registers: [],
    collect() {
      this.reset();
      const worst = new Map<string, number>();
      for (const loop of liveLoops()) worst.set(loop.name, Math.max(worst.get(loop.name) ?? 0, of(loop)));
      for (const [loop, value] of worst) this.set({ loop }, value);
    },
  });
}
