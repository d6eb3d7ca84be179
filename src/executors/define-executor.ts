import type { ObjectLiteral } from 'typeorm';
import { durationMs, type Duration } from '../core/duration.ts';
import { problemsError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import { didYouMean } from '../core/nearest-name.ts';
import { nameProblems, unknownOptions } from '../core/options.ts';
import type { OperationTransitions } from '../core/state-machine.ts';
import type { ResourceDefinition } from '../resources/define-resource.ts';
import { schemaProblems, type InputOf, type OutputOf, type Schema } from '../tasks/standard-schema.ts';
import type { ExecutorDefinition, ExecutorKind, ExecutorOptions } from './executor-definition.ts';

const knownOptions = [
  'name',
  'version',
  'input',
  'facts',
  'plan',
  'before',
  'involves',
  'transitions',
  'priority',
  'deadline',
  'throttle',
  'onSuccess',
  'onFailure',
];

/**
 * Brings a new resource into being: `creation_scheduled → creating → ok | erred`. The row is inserted by the caller,
 * mostly in the same transaction.
 *
 * @throws CONFIGURATION_INVALID with all problems, as all `define…Executor` functions do.
 */
export function defineCreateExecutor<
  R extends ObjectLiteral,
  B,
  S extends string,
  T extends string,
  const I extends Schema | undefined = undefined,
  F = undefined,
>(
  resource: ResourceDefinition<R, B, S, T>,
  options: ExecutorOptions<R, B, S, T, I, F>,
): ExecutorDefinition<R, InputOf<I>, 'create'> {
  return executorDefinition('create', resource, options, {});
}

/**
 * Carries changed fields to the backend: `ok | erred → update_scheduled → updating → ok | erred`. Who calls it says
 * which fields changed (`changed: [...]`); the plan branches on them.
 */
export function defineUpdateExecutor<
  R extends ObjectLiteral,
  B,
  S extends string,
  T extends string,
  const I extends Schema | undefined = undefined,
  F = undefined,
>(
  resource: ResourceDefinition<R, B, S, T>,
  options: ExecutorOptions<R, B, S, T, I, F>,
): ExecutorDefinition<R, InputOf<I>, 'update'> {
  return executorDefinition('update', resource, options, {});
}

/**
 * Takes a resource away: `ok | erred → deletion_scheduled → deleting →` row gone, or `erred`. The deletion of the row
 * is the last step of every plan, tried three times: where the database refuses it (a row that is still referenced)
 * the execution fails and says so.
 */
export function defineDeleteExecutor<
  R extends ObjectLiteral,
  B,
  S extends string,
  T extends string,
  const I extends Schema | undefined = undefined,
  F = undefined,
>(
  resource: ResourceDefinition<R, B, S, T>,
  options: DeleteOptions<R, B, S, T, I, F>,
): ExecutorDefinition<R, InputOf<I>, 'delete'> {
  return executorDefinition('delete', resource, options, { appendsDeletion: true, known: ['onForce', 'remains'] });
}

export interface DeleteOptions<
  R,
  B,
  S extends string,
  T extends string,
  I extends Schema | undefined,
  F,
> extends ExecutorOptions<R, B, S, T, I, F> {
  /**
   * What `execute(…, { force: true })` does when the outside system does not follow: `forget`, the default, deletes the
   * row all the same and leaves a leak record; `keepTrying` repeats each step for as long as it takes.
   */
  readonly onForce?: 'forget' | 'keepTrying';
  /** What may remain outside, for the leak record. Default: the backend id. */
  readonly remains?: (resource: R) => JsonValue;
}

export interface ActionOptions<
  R,
  B,
  S extends string,
  T extends string,
  I extends Schema | undefined,
  F,
> extends ExecutorOptions<R, B, S, T, I, F> {
  readonly name: string;
  /** What people read on the resource while the action is under way, such as `resize`. Default: the name. */
  readonly action?: string;
  /** More of it, as JSON. */
  readonly actionDetails?: (resource: R, input: OutputOf<I>) => JsonValue;
}

/** Does something with a resource: `ok | erred → update_scheduled → updating → ok | erred`, with action and details. */
export function defineActionExecutor<
  R extends ObjectLiteral,
  B,
  S extends string,
  T extends string,
  const I extends Schema | undefined = undefined,
  F = undefined,
>(
  resource: ResourceDefinition<R, B, S, T>,
  options: ActionOptions<R, B, S, T, I, F>,
): ExecutorDefinition<R, InputOf<I>, 'action'> {
  return executorDefinition('action', resource, options, {
    action: options.action ?? options.name,
    actionDetails: options.actionDetails,
    known: ['action', 'actionDetails'],
  });
}

/**
 * Runs a plan without touching states of itself. With `transitions` it owns its resource like the others do; without,
 * it owns nothing, may run beside other executions, and moves states only by steps that say so.
 */
export function defineExecutor<
  R extends ObjectLiteral,
  B,
  S extends string,
  T extends string,
  const I extends Schema | undefined = undefined,
  F = undefined,
>(
  resource: ResourceDefinition<R, B, S, T>,
  options: ExecutorOptions<R, B, S, T, I, F> & { readonly name: string },
): ExecutorDefinition<R, InputOf<I>, 'plain'>;
export function defineExecutor<const I extends Schema | undefined = undefined>(
  options: Omit<
    ExecutorOptions<undefined, never, never, never, I, undefined>,
    'facts' | 'before' | 'involves' | 'transitions' | 'throttle' | 'onSuccess' | 'onFailure'
  > & {
    readonly name: string;
  },
): ExecutorDefinition<null, InputOf<I>, 'plain'>;
export function defineExecutor(first: object, second?: object): ExecutorDefinition<never, unknown, 'plain'> {
  return second === undefined
    ? executorDefinition('plain', undefined, first, {})
    : executorDefinition('plain', first, second, {});
}

type LooseOptions = {
  readonly name?: string;
  readonly version?: number;
  readonly input?: Schema;
  readonly priority?: number;
  readonly deadline?: Duration;
  readonly transitions?: OperationTransitions;
  readonly plan: unknown;
} & Readonly<Record<string, unknown>>;

interface Extra {
  readonly appendsDeletion?: boolean;
  readonly action?: string;
  readonly actionDetails?: unknown;
  readonly known?: readonly string[];
}

function executorDefinition<R, Input, Kind extends ExecutorKind>(
  kind: Kind,
  resource: unknown,
  options: object,
  extra: Extra,
): ExecutorDefinition<R, Input, Kind> {
  const loose = options as LooseOptions;
  const definition = resource as ResourceDefinition | undefined;
  const name = loose.name ?? `${definition?.name}.${kind}`;
  const operations: Readonly<Partial<Record<ExecutorKind, OperationTransitions>>> = definition?.states.operations ?? {};
  const declared = operations[kind];
  const transitions = loose.transitions === undefined ? declared : { ...declared, ...loose.transitions };
  const problems = definitionProblems(name, loose, {
    kind,
    resource: definition,
    transitions,
    known: extra.known ?? [],
  });
  if (problems.length > 0) throw problemsError('CONFIGURATION_INVALID', 'An executor is defined wrongly', problems);
  return Object.freeze({
    name,
    version: loose.version ?? 1,
    kind,
    resource: definition,
    inputSchema: loose.input,
    transitions,
    priority: loose.priority ?? 0,
    deadlineMs: loose.deadline === undefined ? null : durationMs(loose.deadline, `deadline of executor "${name}"`),
    throttles: [loose['throttle'] ?? []].flat(),
    action: extra.action ?? '',
    actionDetails: extra.actionDetails,
    facts: loose['facts'],
    before: loose['before'],
    involves: loose['involves'],
    onSuccess: loose['onSuccess'],
    onFailure: loose['onFailure'],
    plan: loose.plan,
    appendsDeletion: extra.appendsDeletion ?? false,
    onForce: loose['onForce'] ?? 'forget',
    remains: loose['remains'],
    storesRawInput: false,
  }) as unknown as ExecutorDefinition<R, Input, Kind>;
}

interface DefinitionContext {
  readonly kind: ExecutorKind;
  readonly resource: ResourceDefinition | undefined;
  readonly transitions: OperationTransitions | undefined;
  readonly known: readonly string[];
}

function definitionProblems(
  name: string,
  options: LooseOptions,
  { kind, resource, transitions, known }: DefinitionContext,
): string[] {
  const subject = `executor "${name}"`;
  const problems = [
    ...nameProblems(name, subject),
    ...unknownOptions(options, [...knownOptions, ...known], subject),
    ...schemaProblems(options.input, subject),
  ];
  if (typeof options.plan !== 'function') problems.push(`${subject} has no "plan" function`);
  if (!Number.isInteger(options.version ?? 1) || (options.version ?? 1) < 1) {
    problems.push(`${subject} has version ${options.version}; use a whole number from 1`);
  }
  const priority = options.priority ?? 0;
  if (!Number.isInteger(priority) || priority < 0 || priority > 1_000) {
    problems.push(`${subject} has priority ${priority}; use 0 to 1000`);
  }
  const machine = resource?.states;
  if (kind !== 'plain' && machine !== undefined && transitions?.start === undefined) {
    problems.push(`${subject}: the states of "${resource?.name}" declare no "${kind}" operation; pass "transitions"`);
  }
  if (kind !== 'delete' && transitions?.start !== undefined && transitions.success === undefined) {
    problems.push(`${subject} has transitions with a start but no "success"; say how the resource ends well`);
  }
  for (const transition of Object.values<string>({ ...transitions })) {
    if (machine !== undefined && !Object.hasOwn(machine.transitions, transition)) {
      const hint = didYouMean(transition, Object.keys(machine.transitions));
      problems.push(`${subject} names the transition "${transition}", which does not exist${hint}`);
    }
  }
  return problems;
}
