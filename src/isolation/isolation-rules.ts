import { ReeveError } from '../core/errors.ts';
import type { IsolationKind } from '../core/isolation.ts';
import type { TaskRegistry } from '../executors/task-registry.ts';

/** The queue and the task of a step. */
export interface PlacedStep {
  readonly task: string;
  readonly queue: string;
}

/** Reeve's own tasks that run code of the app. All others only mark a place in a plan, or write to the ledger. */
const runsAppCode = new Set(['reeve.call', 'reeve.callIndependent', 'reeve.poll', 'reeve.gate', 'reeve.expand']);

/** Which steps run in a thread or a process of their own: by their task, else by their queue. */
export class IsolationRules {
  readonly #queues: Readonly<Record<string, IsolationKind>>;
  readonly #tasks: TaskRegistry;

  constructor(queues: Readonly<Record<string, IsolationKind>>, tasks: TaskRegistry) {
    this.#queues = queues;
    this.#tasks = tasks;
  }

  /** Undefined: in the worker itself. @throws ISOLATION_REFUSED for a transactional step that is to be isolated. */
  kindOf(step: PlacedStep): IsolationKind | undefined {
    const { task, queue } = step;
    const kind = this.#wanted(step);
    if (kind === undefined || this.#tasks.find(task)?.transactional !== true) return kind;
    throw new ReeveError(
      'ISOLATION_REFUSED',
      `task "${task}" is transactional, and a transaction cannot leave its process; queue "${queue}" runs its steps in a ${kind}`,
      { retryable: false },
    );
  }

  /** Whether it has a thread or a process of its own when it runs. */
  isIsolated(step: PlacedStep): boolean {
    return this.#wanted(step) !== undefined && this.#tasks.find(step.task)?.transactional !== true;
  }

  #wanted({ task, queue }: PlacedStep): IsolationKind | undefined {
    const definition = this.#tasks.find(task);
    if (definition === undefined && !runsAppCode.has(task)) return undefined;
    const kind = definition?.isolation ?? this.#queues[queue] ?? 'none';
    return kind === 'none' ? undefined : kind;
  }

  /** What a worker of these queues needs, as far as is known before any step. */
  kindsFor(queues: readonly string[]): Set<IsolationKind> {
    const kinds = new Set<IsolationKind>();
    for (const name of queues) {
      const kind = this.#queues[name];
      if (kind !== undefined) kinds.add(kind);
    }
    for (const name of this.#tasks.names()) {
      const task = this.#tasks.find(name);
      const isServed = task !== undefined && queues.includes(task.queue);
      if (isServed && task.isolation !== undefined && task.isolation !== 'none') kinds.add(task.isolation);
    }
    return kinds;
  }
}
