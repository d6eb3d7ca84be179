import type { ObjectLiteral } from 'typeorm';
import { problemsError, ReeveError } from '../core/errors.ts';
import type { ResourceDefinition } from '../resources/define-resource.ts';
import type { ChildExecutor } from '../tasks/child-options.ts';
import type { TaskContext } from '../tasks/task-context.ts';
import type { InputOf, Schema } from '../tasks/standard-schema.ts';
import { defineDeleteExecutor, type DeleteOptions } from './define-executor.ts';
import type { AnyPlan, ExecutorDefinition } from './executor-definition.ts';

/** A kind of resource that goes before its parent. Made by {@link cleanup}. */
export interface CleanupKind<Parent = never> {
  readonly executor: ChildExecutor<never, unknown>;
  /** The ids of what is there now; asked when the kind's turn comes, and once more before the parent goes. */
  readonly list: (parent: Parent, context: TaskContext) => Promise<readonly string[]> | readonly string[];
  readonly after: readonly { readonly name: string }[];
  readonly force: boolean;
  readonly input: unknown;
}

/**
 * A kind of resource that a cleanup deletes.
 *
 * @param executor - Its delete executor, or a cleanup executor of its own.
 * @param options.list - The ids that belong to the parent.
 * @param options.after - The executors of kinds that have to be gone before this one.
 * @param options.force - Deletes with `force`.
 * @param options.input - The input of each deletion. Default: an empty object.
 */
export function cleanup<Parent, Child, Input>(
  executor: ExecutorDefinition<Child, Input, 'delete'>,
  options: {
    readonly list: CleanupKind<Parent>['list'];
    readonly after?: readonly { readonly name: string }[];
    readonly force?: boolean;
    readonly input?: Input;
  },
): CleanupKind<Parent> {
  const { list, after = [], force = false, input = {} } = options;
  return { executor, list, after, force, input };
}

export interface CleanupOptions<R, B, S extends string, T extends string, I extends Schema | undefined, F> extends Omit<
  DeleteOptions<R, B, S, T, I, F>,
  'plan'
> {
  readonly kinds: readonly CleanupKind<R>[];
  /** How many deletions of one kind are under way at once. Default 10. */
  readonly concurrency?: number;
  /** What the deletion of the parent itself takes, once everything else is gone. */
  readonly plan?: DeleteOptions<R, B, S, T, I, F>['plan'];
}

const reported = 20;

/**
 * Deletes everything that belongs to a resource, in the order of the declared dependencies and side by side where there
 * is none, and then the resource. Each deletion is a child of its own; one that fails keeps the others going. When
 * something is left at the end, the execution fails with CLEANUP_INCOMPLETE, which lists it, and the parent stays.
 *
 * @throws CONFIGURATION_INVALID with all problems: a dependency that is not among the kinds, a cycle.
 */
export function defineCleanupExecutor<
  R extends ObjectLiteral,
  B,
  S extends string,
  T extends string,
  const I extends Schema | undefined = undefined,
  F = undefined,
>(
  resource: ResourceDefinition<R, B, S, T>,
  options: CleanupOptions<R, B, S, T, I, F>,
): ExecutorDefinition<R, InputOf<I>, 'delete'> {
  const { kinds, concurrency = 10, plan, ...rest } = options;
  const name = options.name ?? `${resource.name}.cleanup`;
  const layers = layersOf(name, kinds);
  return defineDeleteExecutor<R, B, S, T, I, F>(resource, {
    ...rest,
    name,
    plan: (p, input, facts, changed) => {
      const loose = p as unknown as AnyPlan;
      for (const layer of layers) {
        loose.group(layer.map((kind) => (q: AnyPlan) => deleteAll(q, kind, concurrency) as AnyPlan));
      }
      if (layers.length > 0) {
        loose.expand(
          async (parent, context) => refuseLeft(layers.flat(), parent, context),
          (q) => q,
        );
      }
      return plan === undefined ? p : plan(p, input, facts, changed);
    },
  });
}

function deleteAll(plan: AnyPlan, kind: CleanupKind, concurrency: number): unknown {
  return plan.expand(
    async (parent, context) => [...(await kind.list(parent as never, context))],
    (q, ids) =>
      q.groupEach(
        ids,
        (r, id) => r.attempt((s) => s.child(kind.executor, id, kind.input as never, { force: kind.force }), {}),
        {
          concurrency,
        },
      ),
  );
}

/** The look behind the last deletion: what is still there keeps the parent. */
async function refuseLeft(kinds: readonly CleanupKind[], parent: object, context: TaskContext): Promise<null> {
  const left: { readonly type: string; readonly id: string }[] = [];
  for (const kind of kinds) {
    const type = kind.executor.resource?.name ?? kind.executor.name;
    left.push(...(await kind.list(parent as never, context)).map((id) => ({ type, id })));
  }
  if (left.length === 0) return null;
  const shown = left.slice(0, reported).map(({ type, id }) => `${type} ${id}`);
  const more = left.length > reported ? ` and ${left.length - reported} more` : '';
  throw new ReeveError('CLEANUP_INCOMPLETE', `${left.length} left: ${shown.join(', ')}${more}`, {
    details: { left: left.slice(0, reported), count: left.length },
  });
}

/** Kinds whose dependencies are all in earlier layers, layer by layer. */
function layersOf(name: string, kinds: readonly CleanupKind[]): CleanupKind[][] {
  const subject = `cleanup executor "${name}"`;
  const names = kinds.map((kind) => kind.executor.name);
  const twice = names.filter((one, index) => names.indexOf(one) !== index);
  const problems = twice.map((one) => `${subject} names "${one}" twice`);
  for (const kind of kinds) {
    const unknown = kind.after.filter((other) => !names.includes(other.name));
    problems.push(
      ...unknown.map(
        (other) => `${subject}: "${kind.executor.name}" comes after "${other.name}", which is not among its kinds`,
      ),
    );
  }
  const layers: CleanupKind[][] = [];
  const done = new Set<string>();
  let open = [...kinds];
  while (open.length > 0 && problems.length === 0) {
    const layer = open.filter((kind) => kind.after.every((other) => done.has(other.name)));
    if (layer.length === 0) {
      const waiting = open.map((kind) => `"${kind.executor.name}"`).join(', ');
      problems.push(`${subject}: ${waiting} wait for each other; take one of the "after" away`);
    }
    for (const kind of layer) done.add(kind.executor.name);
    open = open.filter((kind) => !layer.includes(kind));
    layers.push(layer);
  }
  if (problems.length > 0) {
    throw problemsError('CONFIGURATION_INVALID', 'A cleanup executor is defined wrongly', problems);
  }
  return layers;
}
