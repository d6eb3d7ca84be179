import { problemsError, ReeveError } from '../core/errors.ts';
import { durationMs } from '../core/duration.ts';
import { toJson, type JsonLimits } from '../core/json.ts';
import { didYouMean } from '../core/nearest-name.ts';
import { unknownOptions } from '../core/options.ts';
import type { StateMachine, Transition } from '../core/state-machine.ts';
import { ownResult } from '../executions/step-references.ts';
import type { PollPolicy, StepDraft, StepEffects, StepPolicy } from '../executions/step-plan.ts';
import { referenceTo, storeReferences } from './plan-references.ts';
import { stepOptionNames, type StepOptions } from './plan-options.ts';
import { parseLimits } from './step-limits.ts';

/** What a plan is built for. */
export interface PlanSubject {
  readonly executor: string;
  readonly machine: StateMachine | undefined;
  /** The state that begins the operation, and that `during` may name for it. */
  readonly begin: Transition | undefined;
  readonly heavy: boolean;
  readonly limits: JsonLimits;
  /** Built with stand-ins, to see what the plan names: values are neither stored nor checked. */
  readonly dry?: boolean;
}

export interface NewStep {
  readonly task: string;
  readonly description: string;
  readonly queue: string;
  /** Arguments, or a mapping from the results of earlier steps to them. */
  readonly args: unknown;
  readonly options: StepOptions<string> & { readonly save?: (result: never) => object };
  readonly extraOptions?: readonly string[];
  readonly policy?: StepPolicy;
  readonly poll?: PollPolicy;
  readonly effects?: Omit<StepEffects, 'begin' | 'runtimeDuring' | 'runtimeAfter' | 'save'>;
}

type Draft = Omit<StepDraft, 'openPredecessors' | 'next'>;

/** Collects the steps of one plan in order; what a plan's methods share. */
export class PlanBuilder {
  readonly subject: PlanSubject;
  readonly #drafts: Draft[] = [];
  readonly #named = new Map<string, number>();
  #waitMs = 0;
  #begun = false;

  constructor(subject: PlanSubject) {
    this.subject = subject;
  }

  /** A delay before the next step. */
  wait(ms: number): void {
    this.#waitMs += ms;
  }

  nameLast(name: string): void {
    const last = this.#drafts.length - 1;
    if (last < 0) throw this.error(`as("${name}") stands before any step`);
    if (this.#named.has(name)) throw this.error(`as("${name}") is used twice`);
    this.#named.set(name, last);
  }

  add(step: NewStep): void {
    const { options } = step;
    const subject = this.place(step.description);
    const problems = unknownOptions(options, [...stepOptionNames, ...(step.extraOptions ?? [])], subject);
    if (problems.length > 0) throw problemsError('PLAN_INVALID', 'A plan is wrong', problems);
    const used = new Set<number>();
    const args =
      this.subject.dry === true ? dryArguments(step.args) : storeReferences(this.#arguments(step.args), used);
    const effects = this.#effects(step, used);
    this.#drafts.push({
      position: this.#drafts.length,
      kind: 'task',
      task: step.task,
      description: options.description ?? step.description,
      args: toJson(args, `The arguments of ${subject}`, this.subject.limits),
      queue: options.queue ?? (this.subject.heavy && step.queue === 'tasks' ? 'heavy' : step.queue),
      policy: step.policy ?? parseLimits(options, subject, step.poll ?? null),
      effects,
      countdownMs: this.#takeWait(options),
      needsResults: [...used].toSorted((a, b) => a - b),
    });
  }

  /** The finished graph: each step leads to the next, the last to the join that ends every plan. */
  finish(): readonly StepDraft[] {
    const join: Draft = {
      position: this.#drafts.length,
      kind: 'join',
      task: 'reeve.join',
      description: 'end',
      args: null,
      queue: this.subject.heavy ? 'heavy' : 'tasks',
      policy: parseLimits({}, this.subject.executor),
      effects: {},
      countdownMs: this.#waitMs,
      needsResults: [],
    };
    const steps = [...this.#drafts, join];
    return steps.map((draft, index) => ({
      ...draft,
      effects:
        index === 0 && !this.#begun && this.subject.begin ? { ...draft.effects, begin: 'operation' } : draft.effects,
      openPredecessors: index === 0 ? 0 : 1,
      next: index === steps.length - 1 ? [] : [index + 1],
    }));
  }

  transition(name: string, place: string): Transition {
    const { machine } = this.subject;
    if (machine === undefined) throw this.error(`${place} needs a resource, and this executor has none`);
    const transition = machine.transitions[name];
    if (transition !== undefined && Object.hasOwn(machine.transitions, name)) return transition;
    throw this.error(`${place}: there is no transition "${name}"${didYouMean(name, Object.keys(machine.transitions))}`);
  }

  place(description: string): string {
    return `step ${this.#drafts.length + 1} "${description}" of "${this.subject.executor}"`;
  }

  error(text: string): ReeveError {
    return new ReeveError('PLAN_INVALID', `The plan of "${this.subject.executor}" is wrong: ${text}`);
  }

  #arguments(args: unknown): unknown {
    if (typeof args !== 'function') return args;
    const last = this.#drafts.length - 1;
    if (last < 0)
      throw this.error('the first step has a mapping from the previous result, but nothing comes before it');
    const named = Object.fromEntries([...this.#named].map(([name, position]) => [name, referenceTo(position)]));
    return (args as (previous: unknown, steps: unknown) => unknown)(referenceTo(last), named);
  }

  #effects(step: NewStep, used: Set<number>): StepEffects {
    const { options } = step;
    const saved = this.subject.dry === true ? undefined : options.save?.(referenceTo(ownResult) as never);
    const save =
      saved === undefined ? undefined : toJson(storeReferences(saved, used), 'Saved fields', this.subject.limits);
    if (save !== undefined && (save === null || typeof save !== 'object' || Array.isArray(save))) {
      throw this.error('"save" gives no object of fields');
    }
    return {
      ...step.effects,
      ...(options.during === undefined ? {} : { begin: this.#begin(options.during, step.description) }),
      ...(options.runtimeDuring === undefined ? {} : { runtimeDuring: options.runtimeDuring }),
      ...(options.runtimeAfter === undefined ? {} : { runtimeAfter: options.runtimeAfter }),
      ...(save === undefined ? {} : { save }),
    };
  }

  #begin(state: string, description: string): 'operation' | Transition {
    const { machine, begin } = this.subject;
    if (machine === undefined)
      throw this.error(`"during" in ${description} needs a resource, and this executor has none`);
    if (!machine.states.includes(state)) {
      throw this.error(`"during" in ${description} names no state: "${state}"${didYouMean(state, machine.states)}`);
    }
    if (begin?.to === state) {
      this.#begun = true;
      return 'operation';
    }
    const transitions: Transition[] = Object.values(machine.transitions);
    const from = transitions.filter((transition) => transition.to === state).flatMap((transition) => transition.from);
    if (from.length === 0) throw this.error(`"during" in ${description}: no transition leads to "${state}"`);
    return { from, to: state };
  }

  #takeWait(options: StepOptions<string>): number {
    const waitMs = this.#waitMs;
    this.#waitMs = 0;
    return waitMs + (options.countdown === undefined ? 0 : durationMs(options.countdown, 'countdown'));
  }
}

/** Of the arguments of a dry step only the backend method counts, which is always given as such. */
function dryArguments(args: unknown): unknown {
  const method: unknown = (args as { readonly method?: unknown } | null)?.method;
  return typeof method === 'string' ? { method } : null;
}
