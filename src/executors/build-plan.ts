import { ReeveError } from '../core/errors.ts';
import { hashJson } from '../core/ids.ts';
import type { JsonLimits, JsonValue } from '../core/json.ts';
import type { Transition } from '../core/state-machine.ts';
import type { StepDraft } from '../executions/step-plan.ts';
import { Plan } from '../tasks/plan.ts';
import type { ThrottleDefinition } from '../tasks/define-throttle.ts';
import { PlanBuilder, type Expansion, type GatePredicate } from '../tasks/plan-builder.ts';
import type { AnyPlan, ExecutorDefinition } from './executor-definition.ts';

export interface BuiltPlan {
  readonly steps: readonly StepDraft[];
  readonly hash: string;
  /** The predicates of gates by position, which are not stored. */
  readonly predicates: ReadonlyMap<number, GatePredicate>;
  /** The functions of steps that add steps, likewise. */
  readonly expansions: ReadonlyMap<number, Expansion>;
  readonly throttles: ReadonlyMap<string, ThrottleDefinition>;
}

export interface PlanInput {
  readonly input: JsonValue;
  readonly facts: JsonValue;
  readonly changed: readonly string[];
  readonly heavy: boolean;
  readonly limits: JsonLimits;
}

export const maxSteps = 10_000;

/**
 * The plan of an executor for one input, built twice: a plan that differs the second time could never be built again
 * from what is stored, so it is refused.
 *
 * @throws PLAN_INVALID, PLAN_NOT_PURE, or whatever the plan function throws.
 */
export function buildPlan(executor: ExecutorDefinition, input: PlanInput): BuiltPlan {
  const first = buildOnce(executor, input);
  const second = buildOnce(executor, input);
  const hash = planHash(first.steps);
  if (JSON.stringify(first.steps) !== JSON.stringify(second.steps) && hash !== planHash(second.steps)) {
    throw new ReeveError(
      'PLAN_NOT_PURE',
      `The plan of "${executor.name}" was built twice from the same input and facts and differs; use nothing but input and facts in it`,
    );
  }
  return { ...first, hash };
}

function planHash(steps: readonly StepDraft[]): string {
  return hashJson(steps as unknown as JsonValue);
}

function buildOnce(executor: ExecutorDefinition, input: PlanInput): Omit<BuiltPlan, 'hash'> {
  const builder = new PlanBuilder({
    executor: executor.name,
    resource: executor.resource?.name,
    machine: executor.resource?.states,
    begin: namedTransition(executor, 'begin'),
    heavy: input.heavy,
    limits: input.limits,
  });
  const plan = new Plan(builder) as unknown as AnyPlan;
  const build = (): void => {
    const returned = executor.plan(plan, structuredClone(input.input), structuredClone(input.facts), input.changed);
    if (returned !== plan) throw builder.error('the plan function must return the plan that it was given');
    if (executor.appendsDeletion) plan.deletion();
  };
  if (executor.throttles.length === 0) build();
  else builder.throttle(executor.throttles, build);
  const steps = builder.finish();
  if (steps.length > maxSteps) throw builder.error(`it has ${steps.length} steps; the most is ${maxSteps}`);
  const { predicates, expansions, throttles } = builder;
  return { steps, predicates, expansions, throttles };
}

/** The transition that an executor takes at one point of its operation, where it takes one there. */
export function namedTransition(
  executor: ExecutorDefinition,
  point: 'start' | 'begin' | 'success' | 'failure',
): Transition | undefined {
  const name = executor.transitions?.[point];
  return name === undefined ? undefined : executor.resource?.states.transitions[name];
}
