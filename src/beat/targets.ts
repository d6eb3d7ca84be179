import { ReeveError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest-name.ts';
import type { KnownToBeat } from '../executions/sql/claim-due-schedule.ts';
import type { ExecutorDefinition } from '../executors/executor-definition.ts';
import type { TaskDefinition } from '../tasks/define-task.ts';
import { validateInput } from '../tasks/standard-schema.ts';
import type { ScheduleDefinition, ScheduleTarget } from './define-schedule.ts';

/** A target as a schedule's row names it. */
export interface TargetRef {
  readonly kind: 'executor' | 'task';
  readonly name: string;
  readonly resourceId: string | null;
}

/** What schedules of this application may start, and which ones its code declares. */
export class Targets {
  readonly schedules: readonly ScheduleDefinition[];
  readonly #tasks: readonly TaskDefinition<never>[];
  readonly #executors: readonly ExecutorDefinition[];

  constructor(
    tasks: readonly TaskDefinition<never>[],
    executors: readonly ExecutorDefinition[],
    schedules: readonly ScheduleDefinition[],
  ) {
    this.#tasks = tasks;
    this.#executors = executors;
    this.schedules = schedules;
  }

  get known(): KnownToBeat {
    return {
      schedules: this.schedules.map(({ name }) => name),
      tasks: this.#tasks.map(({ name }) => name),
      executors: this.#executors.map(({ name }) => name),
    };
  }

  /** @throws TASK_UNKNOWN or EXECUTOR_UNKNOWN */
  find(ref: Pick<TargetRef, 'kind' | 'name'>): TaskDefinition<never> | ExecutorDefinition {
    const list: readonly { readonly name: string }[] = ref.kind === 'task' ? this.#tasks : this.#executors;
    const found = list.find(({ name }) => name === ref.name);
    if (found !== undefined) return found as ExecutorDefinition;
    const hint = didYouMean(
      ref.name,
      list.map(({ name }) => name),
    );
    throw new ReeveError(
      ref.kind === 'task' ? 'TASK_UNKNOWN' : 'EXECUTOR_UNKNOWN',
      `${ref.kind} "${ref.name}" is not registered with this Reeve${hint}`,
    );
  }

  /**
   * The target that is meant by a definition or a name, with the resource where it needs one.
   *
   * @throws TASK_UNKNOWN, EXECUTOR_UNKNOWN, or SCHEDULE_INVALID for a missing or superfluous resource.
   */
  ref(target: ScheduleTarget | string, resourceId: string | null): TargetRef {
    const ref = { ...this.#named(target), resourceId };
    const found = this.find(ref);
    const resource = 'plan' in found ? found.resource : undefined;
    if ((resource !== undefined) === (resourceId !== null)) return ref;
    const what = resource === undefined ? 'takes no resource' : `needs the id of a ${resource.name} as its resource`;
    throw new ReeveError('SCHEDULE_INVALID', `a schedule of "${ref.name}" ${what}`);
  }

  /** @throws INPUT_INVALID */
  async checkInput(ref: TargetRef, input: unknown): Promise<void> {
    await validateInput(this.find(ref).inputSchema, input ?? undefined, `${ref.kind} "${ref.name}"`);
  }

  #named(target: ScheduleTarget | string): { readonly kind: TargetRef['kind']; readonly name: string } {
    if (typeof target !== 'string') return { kind: 'handler' in target ? 'task' : 'executor', name: target.name };
    const isExecutor = this.#executors.some(({ name }) => name === target);
    return { kind: isExecutor ? 'executor' : 'task', name: target };
  }
}
