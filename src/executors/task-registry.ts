import { ReeveError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest-name.ts';
import type { TaskDefinition } from '../tasks/define-task.ts';
import { families } from '../tasks/families.ts';
import type { StepHandler } from '../tasks/step-handler.ts';

/** The tasks that a process knows: its own and the families. */
export class TaskRegistry {
  readonly #tasks = new Map<string, TaskDefinition<never>>();
  readonly #handlers: ReadonlyMap<string, StepHandler>;

  /** @param handlers - What runs tasks whose handler belongs to one Reeve, such as those of the verb family. */
  constructor(tasks: readonly TaskDefinition<never>[], handlers: ReadonlyMap<string, StepHandler> = new Map()) {
    this.#handlers = handlers;
    for (const task of tasks) this.#tasks.set(task.name, task);
  }

  find(name: string): TaskDefinition<never> | undefined {
    return this.#tasks.get(name);
  }

  /** @throws TASK_UNKNOWN with the nearest known name. */
  handler(name: string): StepHandler {
    const handler = families.get(name) ?? this.#handlers.get(name) ?? this.#tasks.get(name)?.handler;
    if (handler !== undefined) return handler;
    throw new ReeveError(
      'TASK_UNKNOWN',
      `task "${name}" is not registered here${didYouMean(name, this.#tasks.keys())}`,
    );
  }

  /** The names of the user's tasks. */
  names(): string[] {
    return [...this.#tasks.keys()].toSorted();
  }

  /** Every name that a step may have here, the families included. */
  allNames(): string[] {
    return [...families.keys(), ...this.#tasks.keys()];
  }
}
