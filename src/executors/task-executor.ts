import type { TaskDefinition, Signature } from '../tasks/define-task.ts';
import type { ExecutorDefinition } from './executor-definition.ts';

/** Tasks that run one after another; an input may be a mapping from the result of the one before. */
export interface Chain {
  readonly signatures: readonly Signature[];
}

/** Runs signatures one after another as one execution without a resource; the first failure ends it. */
export function chain(...signatures: readonly Signature[]): Chain {
  return { signatures };
}

/** The anonymous executor of a bare task or chain: its plan is the tasks, in order. */
export function taskExecutor(target: TaskDefinition<never> | Chain): ExecutorDefinition<null, unknown, 'plain'> {
  const tasks = 'signatures' in target ? target.signatures.map((signature) => signature.task) : [target];
  const name = tasks.map((task) => task.name).join('|');
  return {
    name: name.length <= 128 ? name : `${name.slice(0, 127)}…`,
    version: 1,
    kind: 'plain',
    resource: undefined,
    inputSchema: 'signatures' in target ? undefined : target.inputSchema,
    transitions: undefined,
    priority: 0,
    deadlineMs: null,
    throttles: [],
    action: '',
    actionDetails: undefined,
    facts: undefined,
    before: undefined,
    involves: undefined,
    onSuccess: undefined,
    onFailure: undefined,
    appendsDeletion: false,
    onForce: 'forget',
    remains: undefined,
    storesRawInput: true,
    plan: (plan, input) => {
      if (!('signatures' in target)) return plan.run(target as TaskDefinition, input as never);
      let current: unknown = plan;
      for (const { task, input: given } of target.signatures) {
        current = (current as typeof plan).run(task as TaskDefinition, given as never);
      }
      return current;
    },
  };
}
