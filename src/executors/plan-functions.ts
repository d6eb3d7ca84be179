import { ReeveError } from '../core/errors.ts';
import { hashJson } from '../core/ids.ts';
import type { JsonLimits, JsonValue } from '../core/json.ts';
import type { StoredPlan } from '../executions/sql/find-stored-plan.ts';
import type { StepDraft } from '../executions/step-plan.ts';
import { Plan } from '../tasks/plan.ts';
import { PlanBuilder, type Expansion, type GatePredicate } from '../tasks/plan-builder.ts';
import { buildPlan, maxSteps, type BuiltPlan } from './build-plan.ts';
import type { ExecutorDefinition } from './executor-definition.ts';

/** Steps that a step adds to its plan: where they begin, and the data that they follow from. */
export interface Addition {
  readonly position: number;
  readonly base: number;
  readonly data: JsonValue;
}

/** What is added to a plan: its functions are found by position, as those of the plan itself. */
export type BuiltAddition = Pick<BuiltPlan, 'steps' | 'predicates' | 'throttles'>;

/** Finds the code of gates and expansions, which is not stored, by building plans again from what is. */
export class PlanFunctions {
  readonly #executors: ReadonlyMap<string, ExecutorDefinition>;
  readonly #limits: JsonLimits;

  constructor(executors: readonly ExecutorDefinition[], limits: JsonLimits) {
    this.#executors = new Map(executors.map((executor) => [executor.name, executor]));
    this.#limits = limits;
  }

  /**
   * The predicate of a gate; `addition` where the gate was added by another step. Undefined when this build does not know
   * the executor, or makes another plan from the same input and facts.
   */
  predicate(stored: StoredPlan, position: number, addition?: Addition): GatePredicate | undefined {
    if (addition === undefined) return this.#plan(stored)?.predicates.get(position);
    return this.add(stored, addition)?.predicates.get(position);
  }

  /** What a step adds, or undefined as above. */
  expansion(stored: StoredPlan, position: number): Expansion | undefined {
    return this.#plan(stored)?.expansions.get(position);
  }

  /** The steps that follow from the data; undefined as above. @throws PLAN_INVALID, PLAN_NOT_PURE */
  add(stored: StoredPlan, addition: Addition): BuiltAddition | undefined {
    const executor = this.#executors.get(stored.executor);
    const expansion = this.expansion(stored, addition.position);
    if (executor === undefined || expansion === undefined) return undefined;
    const subject = { executor, heavy: stored.weight === 'heavy', limits: this.#limits };
    const first = addOnce(subject, expansion, addition);
    const second = addOnce(subject, expansion, addition);
    if (hashJson(first.steps as unknown as JsonValue) === hashJson(second.steps as unknown as JsonValue)) return first;
    throw new ReeveError(
      'PLAN_NOT_PURE',
      `what step ${addition.position + 1} adds to "${executor.name}" was built twice from the same data and differs; use nothing but the data in it`,
    );
  }

  #plan(stored: StoredPlan): BuiltPlan | undefined {
    const executor = this.#executors.get(stored.executor);
    if (executor === undefined) return undefined;
    const plan = buildPlan(executor, {
      input: stored.input,
      facts: stored.facts.facts,
      changed: stored.facts.changed,
      heavy: stored.weight === 'heavy',
      limits: this.#limits,
    });
    return plan.hash === stored.planHash ? plan : undefined;
  }
}

function addOnce(
  subject: { readonly executor: ExecutorDefinition; readonly heavy: boolean; readonly limits: JsonLimits },
  { build, named, levels }: Expansion,
  { position, base, data }: Addition,
): BuiltAddition {
  const { executor, heavy, limits } = subject;
  const builder = new PlanBuilder({
    executor: executor.name,
    resource: executor.resource?.name,
    machine: executor.resource?.states,
    begin: undefined,
    heavy,
    limits,
    after: { base, position, named, levels },
  });
  const plan = new Plan(builder);
  const returned = build(plan as never, structuredClone(data) as never);
  if (returned !== plan) throw builder.error('expand() must return the plan that it was given');
  const steps: readonly StepDraft[] = builder.countSteps() === 0 ? [] : builder.finish();
  if (base + steps.length > maxSteps)
    throw builder.error(`it grows to ${base + steps.length} steps; the most is ${maxSteps}`);
  return { steps, predicates: builder.predicates, throttles: builder.throttles };
}
