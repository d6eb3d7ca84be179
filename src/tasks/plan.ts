import type { Duration } from '../core/duration.ts';
import { durationMs } from '../core/duration.ts';
import type { Jsonable, JsonValue } from '../core/json.ts';
import type {
  IndependentArgs,
  IndependentMethodName,
  MethodArgs,
  MethodName,
  MethodResult,
  PollMethodName,
} from './backend-types.ts';
import { childEffect, type ChildExecutor, type ChildOptions } from './child-options.ts';
import type { TaskDefinition } from './define-task.ts';
import type { ThrottleDefinition } from './define-throttle.ts';
import { holdKey, type Hold } from './hold.ts';
import { splitRest, type CallRest, type Given, type PollRest } from './plan-arguments.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { pollOptionNames, type CallOptions, type PollOptions, type StepOptions } from './plan-options.ts';
import { parsePoll } from './poll-policy.ts';
import { parseLimits } from './step-limits.ts';
import type { TaskContext } from './task-context.ts';

/**
 * The steps of one execution, as data. Building it is pure: it sees the input and the stored facts and nothing else of
 * the world, so that what is stored can be built again.
 *
 * `R` is the resource, `B` its backend, `S` and `T` its states and transitions, `Previous` the result of the step
 * before, `Steps` the results of the steps named with `as`.
 */
export class Plan<R, B, S extends string, T extends string, Previous, Steps extends object> {
  readonly #builder: PlanBuilder;

  constructor(builder: PlanBuilder) {
    this.#builder = builder;
  }

  /** Calls a method of the resource's backend with the freshly read resource; its result feeds the next step. */
  call<K extends MethodName<B, R>>(
    method: K,
    ...rest: CallRest<MethodArgs<B, K>, Previous, Steps, CallOptions<R, S, MethodResult<B, K>>>
  ): Plan<R, B, S, T, MethodResult<B, K>, Steps> {
    return this.#call('reeve.call', method, rest, []);
  }

  /** The same for a method that does not get the resource. */
  callIndependent<K extends IndependentMethodName<B>>(
    method: K,
    ...rest: CallRest<IndependentArgs<B, K>, Previous, Steps, CallOptions<R, S, MethodResult<B, K>>>
  ): Plan<R, B, S, T, MethodResult<B, K>, Steps> {
    return this.#call('reeve.callIndependent', method, rest, []);
  }

  /**
   * Calls a method again and again until it answers what is waited for. No worker is busy between two looks, and no
   * attempt is used up.
   */
  poll<K extends PollMethodName<B, R>>(
    method: K,
    ...rest: MethodResult<B, K> extends boolean
      ? PollRest<MethodArgs<B, K>, Previous, Steps, PollOptions<R, S, MethodResult<B, K>>>
      : PollRest<
          MethodArgs<B, K>,
          Previous,
          Steps,
          PollOptions<R, S, MethodResult<B, K>> & { until: NonNullable<PollOptions<R, S, MethodResult<B, K>>['until']> }
        >
  ): Plan<R, B, S, T, MethodResult<B, K>, Steps> {
    return this.#call('reeve.poll', method, rest, pollOptionNames);
  }

  /** Runs a task; its input is given or picked from earlier results. */
  run<Input, Result>(
    task: TaskDefinition<Input, Result>,
    ...rest: undefined extends Input
      ? [input?: Given<Input, Previous, Steps>, options?: StepOptions<S>]
      : [input: Given<Input, Previous, Steps>, options?: StepOptions<S>]
  ): Plan<R, B, S, T, Result, Steps> {
    const [input, options = {}] = rest as [unknown, (StepOptions<S> | undefined)?];
    const limited = ['retry', 'softTimeLimit', 'timeLimit', 'interruptible'].some((name) => name in options);
    this.#builder.add({
      task: task.name,
      description: task.description,
      queue: task.queue,
      args: input ?? null,
      options,
      ...(limited ? {} : { policy: task.policy }),
    });
    return this.#next();
  }

  /** Moves the resource by one of its transitions, as a step of its own. */
  transition(name: T, options: StepOptions<S> = {}): Plan<R, B, S, T, null, Steps> {
    const after = this.#builder.transition(name, `transition("${name}")`);
    return this.#own(name, options, { after });
  }

  /** Sets the runtime state of the resource, as a step of its own. */
  setRuntimeState(runtimeState: string, options: StepOptions<S> = {}): Plan<R, B, S, T, null, Steps> {
    return this.#own(`runtime state ${runtimeState}`, { ...options, runtimeAfter: runtimeState }, {});
  }

  /** Marks the resource as erred with a message. For executors that own nothing; a failure does it by itself. */
  setErred(message: string, options: StepOptions<S> = {}): Plan<R, B, S, T, null, Steps> {
    const after = this.#builder.transition('setErred', 'setErred');
    return this.#own('set erred', options, { after, errorMessage: message });
  }

  /** Takes the resource from erred back to ok and clears its error. */
  recover(options: StepOptions<S> = {}): Plan<R, B, S, T, null, Steps> {
    const after = this.#builder.transition('recover', 'recover');
    return this.#own('recover', options, { after, errorMessage: '' });
  }

  /** Deletes the row of the resource; a delete executor does it by itself at its end. */
  deletion(options: StepOptions<S> = {}): Plan<R, B, S, T, null, Steps> {
    return this.#own('delete row', { retry: { attempts: 3, delay: '1s' }, ...options }, { deletes: true });
  }

  /**
   * Runs branches side by side; what follows waits for all of them, and gets their last results as a tuple. The first
   * member that fails ends the execution: those that run are told, those that have not started are skipped.
   *
   * @param options.concurrency - How many members may be under way at once; the others start in order as members end.
   */
  group<const Branches extends readonly Branch<R, B, S, T, Previous, Steps>[]>(
    branches: Branches,
    options: { readonly concurrency?: number } = {},
  ): Plan<R, B, S, T, BranchResults<Branches>, Steps> {
    this.#builder.group(this.#branches(branches), options.concurrency);
    return this.#next();
  }

  /** A group with one member for each item of a list. */
  groupEach<Item, Result>(
    items: readonly Item[],
    member: (plan: Plan<R, B, S, T, Previous, Steps>, item: Item) => Plan<R, B, S, T, Result, Steps>,
    options: { readonly concurrency?: number } = {},
  ): Plan<R, B, S, T, readonly Result[], Steps> {
    return this.group(
      items.map((item) => (plan: Plan<R, B, S, T, Previous, Steps>) => member(plan, item)),
      options,
    );
  }

  /** A part for each item of a list, one after another. */
  each<Item>(
    items: readonly Item[],
    part: (plan: Plan<R, B, S, T, unknown, Steps>, item: Item, index: number) => unknown,
  ): Plan<R, B, S, T, unknown, Steps> {
    for (const [index, item] of items.entries()) {
      const [build] = this.#branches([(plan: never) => part(plan, item, index)]);
      build?.();
    }
    return this.#next();
  }

  /** A part that is there or not, by what is known when the plan is built; see {@link when} for what is not. */
  choose(
    condition: boolean,
    then: Branch<R, B, S, T, Previous, Steps>,
    otherwise: Branch<R, B, S, T, Previous, Steps> = (plan) => plan,
  ): Plan<R, B, S, T, unknown, Steps> {
    const [build] = this.#branches([condition ? then : otherwise]);
    build?.();
    return this.#next();
  }

  /** A group, and a task that gets the results of all members as its input. */
  chord<Member, Result>(
    branches: readonly ((plan: Plan<R, B, S, T, Previous, Steps>) => Plan<R, B, S, T, Member, Steps>)[],
    callback: TaskDefinition<readonly Member[], Result> | TaskDefinition<Member[], Result>,
    options: { readonly concurrency?: number } = {},
  ): Plan<R, B, S, T, Result, Steps> {
    this.#builder.group(this.#branches(branches), options.concurrency);
    this.#builder.add({
      task: callback.name,
      description: callback.description,
      queue: callback.queue,
      args: (results: unknown) => results,
      options: {},
      policy: callback.policy,
    });
    return this.#next();
  }

  /**
   * Runs another executor on another resource as an execution of its own, planned when it is reached, and waits for its
   * end without a worker. Its result feeds the next step; its failure fails this step and names it. When this execution
   * fails or is canceled, the child is canceled, and this execution ends after it.
   *
   * @param resource - Its id, from the facts or picked from an earlier result; null for an executor without a resource.
   */
  child<Child, Input>(
    executor: ChildExecutor<Child, Input>,
    resource: Given<string | null, Previous, Steps>,
    ...rest: undefined extends Input
      ? [input?: Given<Input, Previous, Steps>, options?: ChildOptions]
      : [input: Given<Input, Previous, Steps>, options?: ChildOptions]
  ): Plan<R, B, S, T, JsonValue, Steps> {
    const [input, options = {}] = rest as [unknown, ChildOptions?];
    const { onParentFailure = 'fail', description, wait = true, ...executeOptions } = options;
    const pick = (value: unknown, previous: unknown, steps: unknown): unknown =>
      typeof value === 'function' ? (value as (a: unknown, b: unknown) => unknown)(previous, steps) : value;
    const args = (previous: unknown, steps: unknown): object => ({
      executor: executor.name,
      resource: pick(resource, previous, steps),
      input: pick(input, previous, steps) ?? null,
      options: executeOptions,
      awaited: wait,
    });
    const picks = typeof resource === 'function' || typeof input === 'function';
    const child = childEffect(executor, onParentFailure);
    this.#builder.add({
      kind: 'child',
      task: 'reeve.child',
      description: description ?? executor.name,
      queue: 'tasks',
      args: picks ? args : args(undefined, undefined),
      options: {},
      child: executor.name,
      ...(child === undefined ? {} : { effects: { child } }),
    });
    return this.#next();
  }

  /**
   * Decides when it is reached: the predicate gets the freshly read resource (null where the executor has none). The
   * side that is not taken is skipped. Names given inside with `as` stay; a result that was skipped is null.
   *
   * The predicate is code and not stored: it is found by building the plan again, so only a build with the same plan
   * decides.
   */
  when(
    predicate: (resource: R, context: TaskContext) => boolean | Promise<boolean>,
    then: Branch<R, B, S, T, null, Steps>,
    otherwise: Branch<R, B, S, T, null, Steps> = (plan) => plan,
  ): Plan<R, B, S, T, null, Steps> {
    const [yes = () => undefined, no = () => undefined] = this.#branches([then, otherwise]);
    this.#builder.gate(predicate, yes, no);
    return this.#next();
  }

  /**
   * Tries one step, and goes on by how it ended: a failure of it is an outcome and does not fail the execution. The
   * failed side gets the error's code and message. The side that is not taken is skipped.
   */
  attempt<Result>(
    step: (plan: Plan<R, B, S, T, Previous, Steps>) => Plan<R, B, S, T, Result, Steps>,
    sides: {
      readonly succeeded?: Branch<R, B, S, T, Result, Steps>;
      readonly failed?: Branch<R, B, S, T, { readonly code: string; readonly message: string }, Steps>;
    },
  ): Plan<R, B, S, T, null, Steps> {
    const same = (plan: unknown): unknown => plan;
    const branches = this.#branches([step, sides.succeeded ?? same, sides.failed ?? same]);
    const [attempt = () => undefined, yes = () => undefined, no = () => undefined] = branches;
    this.#builder.outcome(attempt, yes, no);
    return this.#next();
  }

  /**
   * Steps that are only known when the place is reached: `load` gets the freshly read resource (null where the executor
   * has none) and gives JSON, which is stored as the result of this step; `build` makes steps of it and must be pure, as
   * the plan itself. What follows waits for all of them and gets the loaded data.
   *
   * `load` may run again after a crash; only a build with the same plan runs it.
   */
  expand<Data>(
    load: (resource: R, context: TaskContext) => Promise<Data> | Data,
    build: (
      plan: Plan<R, B, S, T, Data, Steps>,
      data: Jsonable<Data>,
    ) => Plan<R, B, S, T, never, never> | Plan<R, B, S, T, unknown, object>,
  ): Plan<R, B, S, T, Data, Steps> {
    this.#builder.expand({ load, build });
    return this.#next();
  }

  /**
   * Runs a part only while it holds a permit of each of the throttles. While there is none, the part waits in line: no
   * worker is busy, no attempt is used up. The permits are kept through retries and polls, and go to the next in line in
   * the commit that ends the part. A child shares the permits around it.
   */
  throttled<Result>(
    throttles: ThrottleDefinition<R> | readonly ThrottleDefinition<R>[],
    part: (plan: Plan<R, B, S, T, Previous, Steps>) => Plan<R, B, S, T, Result, Steps>,
  ): Plan<R, B, S, T, Result, Steps> {
    const [build = () => undefined] = this.#branches([part]);
    const list = (Array.isArray(throttles) ? throttles : [throttles]) as readonly ThrottleDefinition[];
    this.#builder.throttle(list, build);
    return this.#next();
  }

  /**
   * Runs a part only while the execution owns other resources: nobody else starts an operation on them meanwhile, only
   * children may. Waits, in order, until they are free; several are taken as one. Two operations that wait for each
   * other: the later one fails with HOLD_CIRCLE.
   */
  hold<Result>(
    resources: Hold | readonly Hold[],
    part: (plan: Plan<R, B, S, T, Previous, Steps>) => Plan<R, B, S, T, Result, Steps>,
  ): Plan<R, B, S, T, Result, Steps> {
    const [build = () => undefined] = this.#branches([part]);
    const list = (Array.isArray(resources) ? resources : [resources]) as readonly Hold[];
    this.#builder.hold(list.map(holdKey), build);
    return this.#next();
  }

  /** A pause before the next step, or before the end; no worker is busy meanwhile. */
  wait(duration: Duration): Plan<R, B, S, T, Previous, Steps> {
    this.#builder.wait(durationMs(duration, 'wait'));
    return this;
  }

  /** Names the result of the last step for mappings further on: `(previous, steps) => steps.name`. */
  as<const N extends string>(name: N): Plan<R, B, S, T, Previous, Steps & { readonly [K in N]: Previous }> {
    this.#builder.nameLast(name);
    return this.#next();
  }

  #call(
    task: string,
    method: string,
    rest: readonly unknown[],
    extra: readonly string[],
  ): Plan<R, B, S, T, never, Steps> {
    const [args, options] = splitRest(rest);
    const poll = task === 'reeve.poll' ? parsePoll(options, this.#builder.place(method)) : undefined;
    const limits = Object.fromEntries(Object.entries(options).filter(([name]) => !extra.includes(name)));
    const mapped =
      typeof args === 'function'
        ? Object.assign(
            (previous: unknown, steps: unknown) => ({
              method,
              args: (args as (previous: unknown, steps: unknown) => unknown)(previous, steps),
            }),
            { method },
          )
        : { method, args };
    this.#builder.add({
      task,
      description: method,
      queue: 'tasks',
      args: mapped,
      options: limits,
      extraOptions: ['save'],
      policy: parseLimits(limits, this.#builder.place(method), poll ?? null),
    });
    return this.#next();
  }

  #branches(branches: readonly ((plan: never) => unknown)[]): (() => void)[] {
    return branches.map((branch) => () => {
      if (branch(this as never) !== this) throw this.#builder.error('a branch must return the plan that it was given');
    });
  }

  #own(
    description: string,
    options: StepOptions<S>,
    effects: { after?: { from: readonly string[]; to: string }; errorMessage?: string; deletes?: boolean },
  ): Plan<R, B, S, T, null, Steps> {
    this.#builder.add({ task: 'reeve.effects', description, queue: 'tasks', args: null, options, effects });
    return this.#next();
  }

  /** The same plan, one step on: only its type changes. */
  #next<Result, Named extends object>(): Plan<R, B, S, T, Result, Named> {
    return this as unknown as Plan<R, B, S, T, Result, Named>;
  }
}

/** A part of a plan, written on its own. */
type Branch<R, B, S extends string, T extends string, Previous, Steps extends object> = (
  plan: Plan<R, B, S, T, Previous, Steps>,
) => Plan<R, B, S, T, never, never> | Plan<R, B, S, T, unknown, object>;

/** The results of branches, in their order. */
type BranchResults<Branches extends readonly unknown[]> = {
  readonly [K in keyof Branches]: Branches[K] extends (
    plan: never,
  ) => Plan<infer _R, infer _B, infer _S, infer _T, infer Result, infer _N>
    ? Result
    : never;
};
