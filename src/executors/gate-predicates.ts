import type { JsonLimits } from '../core/json.ts';
import type { StoredPlan } from '../executions/sql/find-stored-plan.ts';
import type { GatePredicate } from '../tasks/plan-builder.ts';
import { buildPlan } from './build-plan.ts';
import type { ExecutorDefinition } from './executor-definition.ts';

/** Finds the code of gates, which is not stored, by building plans again from what is. */
export class GatePredicates {
  readonly #executors: ReadonlyMap<string, ExecutorDefinition>;
  readonly #limits: JsonLimits;

  constructor(executors: readonly ExecutorDefinition[], limits: JsonLimits) {
    this.#executors = new Map(executors.map((executor) => [executor.name, executor]));
    this.#limits = limits;
  }

  /** Undefined when this build does not know the executor, or makes another plan from the same input and facts. */
  find(stored: StoredPlan, position: number): GatePredicate | undefined {
    const executor = this.#executors.get(stored.executor);
    if (executor === undefined) return undefined;
    const plan = buildPlan(executor, {
      input: stored.input,
      facts: stored.facts.facts,
      changed: stored.facts.changed,
      heavy: stored.weight === 'heavy',
      limits: this.#limits,
    });
    return plan.hash === stored.planHash ? plan.predicates.get(position) : undefined;
  }
}
