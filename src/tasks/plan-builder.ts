import { problemsError, ReeveError } from '../core/errors.ts';
import { durationMs } from '../core/duration.ts';
import { toJson, type JsonLimits } from '../core/json.ts';
import { didYouMean } from '../core/nearest-name.ts';
import { unknownOptions } from '../core/options.ts';
import type { StateMachine, Transition } from '../core/state-machine.ts';
import { ownResult } from '../executions/step-references.ts';
import type { PermitKey, PollPolicy, ScopeStart, StepDraft, StepEffects, StepPolicy } from '../executions/step-plan.ts';
import { holdLevel, type ThrottleDefinition } from './define-throttle.ts';
import { PlanGraph, type DraftNode } from './plan-graph.ts';
import { referenceTo, storeReferences } from './plan-references.ts';
import { stepOptionNames, type StepOptions } from './plan-options.ts';
import { firstSteps, markScopeEnds } from './plan-scopes.ts';
import { parseLimits } from './step-limits.ts';
import type { TaskContext } from './task-context.ts';

/** What a plan is built for. */
export interface PlanSubject {
  readonly executor: string;
  /** The name of its resource. */
  readonly resource: string | undefined;
  readonly machine: StateMachine | undefined;
  /** The state that begins the operation, and that `during` may name for it. */
  readonly begin: Transition | undefined;
  readonly heavy: boolean;
  readonly limits: JsonLimits;
  /** For steps that are added to a plan that runs: their first number, and the step that adds them. */
  readonly after?: {
    readonly base: number;
    readonly position: number;
    readonly named: ReadonlyMap<string, number>;
    readonly levels: readonly number[];
  };
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
  readonly kind?: 'task' | 'child' | 'expand';
  /** For a child: its executor. */
  readonly child?: string;
  readonly effects?: Omit<StepEffects, 'begin' | 'runtimeDuring' | 'runtimeAfter' | 'save'>;
}

/** The question of a gate, asked when it is reached, with the freshly read resource. */
export type GatePredicate = (resource: never, context: TaskContext) => boolean | Promise<boolean>;

/** Steps that are only known at run time: what they depend on, and how they follow from it. */
export interface Expansion {
  readonly load: (resource: never, context: TaskContext) => unknown;
  readonly build: (plan: never, data: never) => unknown;
  /** What the steps may refer to, and what they stand in. */
  readonly named: ReadonlyMap<string, number>;
  readonly levels: readonly number[];
}

/** Collects the steps of one plan in order; what a plan's methods share. */
export class PlanBuilder {
  readonly subject: PlanSubject;
  readonly #graph: PlanGraph;
  /** The functions of gates by position: they are not stored, but found by building the plan again. */
  readonly predicates = new Map<number, GatePredicate>();
  /** Those of steps that add steps. */
  readonly expansions = new Map<number, Expansion>();
  /** The throttles of the plan by name. */
  readonly throttles = new Map<string, ThrottleDefinition>();
  /** Executors of children, with the highest level of the scopes around them. */
  readonly children: { readonly executor: string; readonly level: number; readonly throttles: readonly string[] }[] =
    [];
  readonly #named: Map<string, number>;
  /** The highest level of each scope around the present place. */
  readonly #levels: number[];
  readonly #around: string[] = [];
  #waitMs = 0;
  #begun = false;

  constructor(subject: PlanSubject) {
    this.subject = subject;
    this.#graph = new PlanGraph(subject.after);
    this.#named = new Map(subject.after?.named);
    this.#levels = [...(subject.after?.levels ?? [])];
  }

  /** How many steps were written, without the end that {@link finish} adds. */
  countSteps(): number {
    return this.#graph.size;
  }

  /** A delay before the next step. */
  wait(ms: number): void {
    this.#waitMs += ms;
  }

  nameLast(name: string): void {
    const last = this.#graph.last();
    if (last === undefined) throw this.error(`as("${name}") does not stand right behind a step`);
    if (this.#named.has(name)) throw this.error(`as("${name}") is used twice`);
    this.#named.set(name, last);
  }

  add(step: NewStep): void {
    const { options } = step;
    const subject = this.place(step.description);
    const problems = unknownOptions(options, [...stepOptionNames, ...(step.extraOptions ?? [])], subject);
    if (problems.length > 0) throw problemsError('PLAN_INVALID', 'A plan is wrong', problems);
    if (step.child !== undefined) {
      this.children.push({ executor: step.child, level: Math.max(-1, ...this.#levels), throttles: [...this.#around] });
    }
    const used = new Set<number>();
    const args =
      this.subject.dry === true ? dryArguments(step.args) : storeReferences(this.#arguments(step.args), used);
    const effects = this.#effects(step, used);
    this.#graph.add({
      kind: step.kind ?? 'task',
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

  /** @param limit - How many members may be under way at once; undefined: all. */
  group(branches: readonly (() => void)[], limit: number | undefined): void {
    if (limit !== undefined && (!Number.isInteger(limit) || limit < 1)) {
      throw this.error(`a group has the concurrency ${limit}; use a whole number from 1`);
    }
    const waitMs = this.#waitMs;
    const { entries, join } = this.#graph.group(
      branches.map((branch) => () => this.#branch(branch, waitMs)),
      this.#own('reeve.join', 'join', 'join'),
    );
    if (limit === undefined || branches.length <= limit) return;
    const members = entries.filter((entry) => entry !== undefined);
    for (const [index, entry] of members.entries()) {
      const last = (members[index + 1] ?? join) - 1;
      if (this.#graph.entriesBetween(entry, last) > 1) {
        throw this.error('a member of a group with a concurrency begins with a group; put a step in front of it');
      }
      const bound = { join, waits: index >= limit };
      this.#graph.change(entry, (node) => ({ ...node, effects: { ...node.effects, bound } }));
    }
    this.#graph.change(join, (node) => ({ ...node, effects: { ...node.effects, bounds: true } }));
  }

  gate(predicate: GatePredicate, yes: () => void, no: () => void): void {
    const gate = { ...this.#own('reeve.gate', 'when', 'gate'), countdownMs: this.#takeWait({}) };
    const position = this.#graph.add(gate);
    this.predicates.set(position, predicate);
    this.#decide(position, yes, no);
  }

  /** A step whose failure does not end the execution, but decides what follows. */
  outcome(attempt: () => void, yes: () => void, no: () => void): void {
    const size = this.#graph.size;
    attempt();
    const position = this.#graph.last();
    if (position === undefined || this.#graph.size !== size + 1) {
      throw this.error('attempt() is given one step; put several into an executor of their own, and run it as a child');
    }
    this.#graph.change(position, (node) => ({ ...node, effects: { ...node.effects, outcome: true } }));
    this.#decide(position, yes, no);
  }

  /** Steps that are only known once the place is reached. */
  expand(functions: Pick<Expansion, 'load' | 'build'>): void {
    if (this.subject.after !== undefined)
      throw this.error('expand() stands in steps that an expand() has added; run a child there');
    const position = this.#graph.next;
    this.add({ kind: 'expand', task: 'reeve.expand', description: 'expand', queue: 'tasks', args: null, options: {} });
    this.expansions.set(position, { ...functions, named: new Map(this.#named), levels: [...this.#levels] });
  }

  /** A part that runs only while it holds a permit of each of the throttles. */
  throttle(throttles: readonly ThrottleDefinition[], build: () => void): void {
    for (const throttle of throttles) {
      if (throttle.resource !== undefined && throttle.resource !== this.subject.resource) {
        throw this.error(
          `throttle "${throttle.name}" is for ${throttle.resource}, not for ${this.subject.resource ?? 'an executor without a resource'}`,
        );
      }
      if ((this.throttles.get(throttle.name) ?? throttle) !== throttle) {
        throw this.error(`two throttles have the name "${throttle.name}"`);
      }
      this.throttles.set(throttle.name, throttle);
    }
    const names = throttles.map(({ name }) => name);
    const levels = throttles.map(({ level }) => level);
    this.#scope({ waitsFor: 'permit', throttles: names, keys: [] }, levels, build);
  }

  /** A part that runs only while the execution owns other resources. */
  hold(keys: readonly PermitKey[], build: () => void): void {
    this.#scope({ waitsFor: 'hold', throttles: [], keys }, [holdLevel], build);
  }

  #scope(scope: Omit<ScopeStart, 'last'>, levels: readonly number[], build: () => void): void {
    const names = [...scope.throttles, ...scope.keys.map(({ key }) => key)].map((name) => `"${name}"`).join(', ');
    if (levels.length === 0 || names === '') throw this.error('throttled() or hold() is given nothing');
    const around = Math.max(-1, ...this.#levels);
    if (Math.min(...levels) <= around) {
      throw this.error(
        `${names} of level ${Math.min(...levels)} stands inside a scope of level ${around}; the inner one needs a higher level, or name both in one scope`,
      );
    }
    if (this.#waitMs > 0) this.#addWait();
    const size = this.#graph.size;
    this.#levels.push(Math.max(...levels));
    this.#around.push(...scope.throttles);
    const first = this.#own('reeve.permit', `${scope.waitsFor} ${names}`, 'join');
    const { first: start, last } = this.#graph.around(
      first,
      () => this.#branch(build, 0),
      this.#own('reeve.release', `release ${names}`, 'join'),
    );
    this.#levels.pop();
    this.#around.splice(this.#around.length - scope.throttles.length);
    if (this.#graph.size <= size + 2) throw this.error(`the scope of ${names} has no steps`);
    this.#graph.change(start, (node) => ({ ...node, effects: { acquire: { ...scope, last } } }));
    this.#graph.change(last, (node) => ({ ...node, effects: { release: start } }));
  }

  #decide(position: number, yes: () => void, no: () => void): void {
    const sides = { yes: () => this.#branch(yes, 0), no: () => this.#branch(no, 0) };
    this.#graph.decide(position, sides, this.#own('reeve.join', 'join', 'join'));
  }

  /** The finished graph; what stands last leads to the join that ends every plan. */
  finish(): readonly StepDraft[] {
    const end = { ...this.#own('reeve.join', 'end', 'join'), countdownMs: this.#waitMs };
    const steps = markScopeEnds(this.#graph.finish(end), this.expansions.size > 0);
    if (this.#begun || this.subject.begin === undefined || this.subject.after !== undefined) return steps;
    const first = firstSteps(steps);
    return steps.map((step) =>
      first.has(step.position) ? { ...step, effects: { ...step.effects, begin: 'operation' } } : step,
    );
  }

  /** A wait in front of a group is one in front of each member; one at the end of a branch is a step of its own. */
  #branch(build: () => void, waitMs: number): void {
    this.#waitMs = waitMs;
    const size = this.#graph.size;
    build();
    if (this.#waitMs > 0 && (this.#graph.size > size || this.#waitMs > waitMs)) {
      this.#addWait();
    }
    this.#waitMs = 0;
  }

  #addWait(): void {
    this.#graph.add({ ...this.#own('reeve.effects', 'wait', 'task'), countdownMs: this.#takeWait({}) });
  }

  /** A step of Reeve's own, without arguments. */
  #own(task: string, description: string, kind: 'task' | 'gate' | 'join'): DraftNode {
    return {
      kind,
      task,
      description,
      args: null,
      queue: this.subject.heavy ? 'heavy' : 'tasks',
      policy: parseLimits({}, this.subject.executor),
      effects: {},
      countdownMs: 0,
      needsResults: [],
    };
  }

  transition(name: string, place: string): Transition {
    const { machine } = this.subject;
    if (machine === undefined) throw this.error(`${place} needs a resource, and this executor has none`);
    const transition = machine.transitions[name];
    if (transition !== undefined && Object.hasOwn(machine.transitions, name)) return transition;
    throw this.error(`${place}: there is no transition "${name}"${didYouMean(name, Object.keys(machine.transitions))}`);
  }

  place(description: string): string {
    return `step ${this.#graph.next + 1} "${description}" of "${this.subject.executor}"`;
  }

  error(text: string): ReeveError {
    return new ReeveError('PLAN_INVALID', `The plan of "${this.subject.executor}" is wrong: ${text}`);
  }

  #arguments(args: unknown): unknown {
    if (typeof args !== 'function') return args;
    const previous = this.#graph.previous();
    if (previous === undefined) {
      throw this.error('the first step has a mapping from the previous result, but nothing comes before it');
    }
    const named = Object.fromEntries([...this.#named].map(([name, position]) => [name, referenceTo(position)]));
    return (args as (previous: unknown, steps: unknown) => unknown)(previous, named);
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
