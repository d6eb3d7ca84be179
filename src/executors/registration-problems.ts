import { isReeveError } from '../core/errors.ts';
import { JSON_LIMITS } from '../core/json.ts';
import { didYouMean } from '../core/nearest-name.ts';
import type { StepDraft } from '../executions/step-plan.ts';
import { methodNames } from '../tasks/backend-call.ts';
import type { TaskDefinition } from '../tasks/define-task.ts';
import { families } from '../tasks/families.ts';
import { Plan } from '../tasks/plan.ts';
import { PlanBuilder } from '../tasks/plan-builder.ts';
import { namedTransition } from './build-plan.ts';
import type { AnyPlan, ExecutorDefinition } from './executor-definition.ts';

export interface Known {
  readonly queues: readonly string[];
  readonly tasks: readonly TaskDefinition<never>[];
  readonly executors: readonly ExecutorDefinition[];
}

/**
 * What can be seen to be wrong with an executor before anything runs: its plan is built with stand-ins for input and
 * facts, as far as that goes, and every task, queue, transition, state and backend method that it names is looked up.
 * A plan that needs real values to be built is checked when it is scheduled, before any row is written.
 */
export function registrationProblems(executor: ExecutorDefinition, known: Known): string[] {
  const tried = tryPlan(executor);
  if ('problems' in tried) return tried.problems;
  const methods = backendMethods(executor);
  return [
    ...tried.steps.flatMap((step) => stepProblems(executor, step, known, methods)),
    ...tried.builder.children.flatMap((child) => childProblems(executor, child, known)),
  ];
}

/** A child must be registered too, and may not wait for a throttle below one that is held around it. */
function childProblems(
  executor: ExecutorDefinition,
  child: { readonly executor: string; readonly level: number; readonly throttles: readonly string[] },
  known: Known,
): string[] {
  const place = `executor "${executor.name}" runs "${child.executor}" as a child`;
  const found = known.executors.find((candidate) => candidate.name === child.executor);
  if (found === undefined) return [`${place}, which is not registered; add it to "executors"`];
  const tried = tryPlan(found);
  if ('problems' in tried) return [];
  const wrong = [...tried.builder.throttles.values()].filter(
    (throttle) => throttle.level <= child.level && !child.throttles.includes(throttle.name),
  );
  return wrong.map(
    (throttle) =>
      `${place} inside a throttle of level ${child.level}, and that one waits for "${throttle.name}" of level ${throttle.level}; give "${throttle.name}" a higher level`,
  );
}

interface Tried {
  readonly steps: readonly StepDraft[];
  readonly builder: PlanBuilder;
}

function tryPlan(executor: ExecutorDefinition): Tried | { readonly problems: string[] } {
  const builder = new PlanBuilder({
    executor: executor.name,
    resource: executor.resource?.name,
    machine: executor.resource?.states,
    begin: namedTransition(executor, 'begin'),
    heavy: false,
    limits: JSON_LIMITS,
    dry: true,
  });
  try {
    const build = (): void => void executor.plan(anyPlan(builder), standIn(), standIn(), []);
    if (executor.throttles.length === 0) build();
    else builder.throttle(executor.throttles, build);
  } catch (error) {
    if (isReeveError(error, 'PLAN_INVALID') || isReeveError(error, 'CONFIGURATION_INVALID')) {
      const { problems } = error.details;
      return { problems: Array.isArray(problems) ? problems.map(String) : [error.message] };
    }
  }
  return { steps: builder.finish(), builder };
}

function anyPlan(builder: PlanBuilder): AnyPlan {
  return new Plan(builder);
}

function stepProblems(
  executor: ExecutorDefinition,
  step: StepDraft,
  known: Known,
  methods: readonly string[] | undefined,
): string[] {
  const place = `executor "${executor.name}", step ${step.position + 1} "${step.description}"`;
  const problems: string[] = [];
  if (!known.queues.includes(step.queue)) {
    problems.push(`${place}: queue "${step.queue}" is not configured${didYouMean(step.queue, known.queues)}`);
  }
  const tasks = known.tasks.map((task) => task.name);
  if (!families.has(step.task) && !tasks.includes(step.task)) {
    problems.push(`${place}: task "${step.task}" is not registered${didYouMean(step.task, tasks)}; add it to "tasks"`);
  }
  const method = calledMethod(step);
  if (method === undefined) return problems;
  if (executor.resource?.backend === undefined) {
    problems.push(`${place}: it calls a backend, but ${executor.resource?.name ?? 'the executor'} has none`);
  } else if (methods !== undefined && !methods.includes(method)) {
    problems.push(`${place}: the backend has no method "${method}"${didYouMean(method, methods)}`);
  }
  return problems;
}

/** The backend method that a step calls, or undefined for a step of another kind. */
function calledMethod(step: StepDraft): string | undefined {
  if (!['reeve.call', 'reeve.callIndependent', 'reeve.poll'].includes(step.task)) return undefined;
  const args = step.args as { readonly method?: unknown } | null;
  return typeof args?.method === 'string' ? args.method : undefined;
}

/** The methods of the backend, where its factory can be called without a real resource. */
function backendMethods(executor: ExecutorDefinition): readonly string[] | undefined {
  try {
    const backend = executor.resource?.backend?.(standIn() as object, standIn() as never);
    return backend !== null && typeof backend === 'object' ? methodNames(backend) : undefined;
  } catch {
    return undefined;
  }
}

/** A value of which every field and every call is such a value again; in a loop or a sum it is empty. */
function standIn(): unknown {
  return new Proxy(() => undefined, {
    get: (_target, key) => {
      if (key === Symbol.toPrimitive) return () => '';
      if (key === Symbol.iterator) return () => [].values();
      if (key === 'then' || key === 'toJSON') return undefined;
      return standIn();
    },
    apply: () => standIn(),
    construct: () => standIn() as object,
  });
}
