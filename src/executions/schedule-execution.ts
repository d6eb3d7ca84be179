import { ReeveError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { Transition } from '../core/state-machine.ts';
import type { Connection } from './connection.ts';
import { inLockOrder, type ResourceChange, type ResourceRef, type ResourceWrites } from './resource-writes.ts';
import { isImpossibleValue, sqlState } from './sql-state.ts';
import type { StepDraft } from './step-plan.ts';
import { findRivalExecution, type RivalExecution } from './sql/find-rival-execution.ts';
import { insertEvent } from './sql/insert-event.ts';
import { insertExecution, type NewExecution } from './sql/insert-execution.ts';
import { insertExecutionResources, type OwnedResource } from './sql/insert-execution-resources.ts';
import { insertRules, type ResourceRule } from './sql/insert-rules.ts';
import { insertSteps } from './sql/insert-steps.ts';
import { listAncestors } from './sql/list-ancestors.ts';
import { requestPermits } from './sql/request-permits.ts';
import { setLender } from './sql/set-lender.ts';

/** How often an insert is tried again when the rival that it met has ended in the meantime. */
const maxInsertTries = 5;

export interface StartingResource extends OwnedResource {
  /** The guarded transition in the caller's transaction; from a state to itself where only the ownership is taken. */
  readonly start: Transition;
  readonly action?: string;
  readonly actionDetails?: JsonValue;
}

export interface ScheduleParams {
  readonly execution: NewExecution;
  readonly resources: readonly StartingResource[];
  readonly rules: readonly ResourceRule[];
  readonly steps: readonly StepDraft[];
  readonly countdownMs: number;
  /** Runs in the same transaction, after the resources were won. */
  readonly before: () => Promise<void>;
}

export interface Scheduled {
  readonly executionId: string;
  /** False when a live unique key or a known idempotency key answered with the execution that exists. */
  readonly created: boolean;
  /** Set where a background task was refused and is remembered: it runs once more when the live one has ended. */
  readonly onceMore?: true;
}

/**
 * Writes an execution and its whole plan into the caller's transaction, with the guarded start of its resources.
 * Takes no throttle lock, touches no queue and no network; what is written is found after the commit. To be called
 * behind a savepoint, so that nothing of it stays when anything is refused.
 *
 * @throws RESOURCE_BUSY when a resource is in another state or owned; BUSY when a rival's transaction does not end
 * within the lock timeout; IDEMPOTENCY_CONFLICT when the key is known with another request.
 */
export async function scheduleExecution(
  connection: Connection,
  writes: ResourceWrites,
  params: ScheduleParams,
): Promise<Scheduled> {
  let ofHook = false;
  try {
    return await insertAll(connection, writes, {
      ...params,
      before: async () => {
        ofHook = true;
        await params.before();
        ofHook = false;
      },
    });
  } catch (error) {
    throw ofHook ? error : translated(error, params);
  }
}

/** The execution that an idempotency key already names, if the request is the same one. */
export async function findKnownRequest(
  connection: Connection,
  request: { readonly idempotencyKey: string; readonly requestHash: string },
): Promise<Scheduled | undefined> {
  const rival = await findRivalExecution(connection, {
    idempotencyKey: request.idempotencyKey,
    uniqueKey: null,
    resourceType: null,
    resourceId: null,
  });
  if (rival === undefined) return undefined;
  if (rival.request_hash !== request.requestHash) throw idempotencyConflict(request.idempotencyKey, rival);
  return { executionId: rival.id, created: false };
}

function translated(error: unknown, params: ScheduleParams): unknown {
  const main = params.resources.find((resource) => resource.main);
  if (sqlState(error) === '55P03') return busyError(params.execution, error);
  if (isImpossibleValue(error) && main !== undefined) return notFoundError(main, params.execution.executor);
  return error;
}

async function insertAll(connection: Connection, writes: ResourceWrites, params: ScheduleParams): Promise<Scheduled> {
  const { execution } = params;
  for (let tries = 1; !(await insertExecution(connection, execution)); tries += 1) {
    const rival = await findRivalExecution(connection, execution);
    if (rival !== undefined) return answerWithRival(connection, writes, params, rival);
    if (tries >= maxInsertTries) throw busyError(execution, undefined);
  }
  await startResources(connection, writes, params);
  if (params.rules.length > 0) await insertRules(connection, execution.id, params.rules);
  await params.before();
  await insertSteps(connection, {
    executionId: execution.id,
    priority: execution.priority,
    countdownMs: params.countdownMs,
    steps: params.steps,
  });
  if (params.countdownMs === 0) await requestPermits(connection, execution.id, firstScopes(params.steps));
  await insertEvent(connection, {
    kind: 'execution.scheduled',
    executionId: execution.id,
    ...(execution.resourceType === null || execution.resourceId === null
      ? {}
      : { resource: { type: execution.resourceType, id: execution.resourceId } }),
    data: { executor: execution.executor, steps: params.steps.length },
  });
  return { executionId: execution.id, created: true };
}

/** The scopes that a plan begins with: they stand in line as soon as their transaction commits. */
function firstScopes(steps: readonly StepDraft[]): number[] {
  const first = steps.filter(({ openPredecessors, countdownMs }) => openPredecessors === 0 && countdownMs === 0);
  return first.filter(({ effects }) => effects.acquire !== undefined).map(({ position }) => position);
}

async function startResources(connection: Connection, writes: ResourceWrites, params: ScheduleParams): Promise<void> {
  const { execution, resources } = params;
  if (resources.length === 0) return;
  await insertExecutionResources(connection, execution.id, resources);
  for (const resource of inLockOrder(resources)) {
    const taking = {
      executionId: execution.id,
      transition: resource.start,
      ownerAfter: 'mine',
      ...(resource.action === undefined ? {} : { action: resource.action }),
      ...(resource.actionDetails === undefined ? {} : { actionDetails: resource.actionDetails }),
      error: null,
    } as const;
    const won =
      (await writes.change(connection, resource, { ...taking, owner: 'free' })) ||
      (await borrow(connection, writes, { execution, resource, taking }));
    if (!won) throw await resourceConflict(connection, writes, resource, execution.executor);
  }
}

/** A child may take what an ancestor holds; it goes back at the end of the child. */
async function borrow(
  connection: Connection,
  writes: ResourceWrites,
  {
    execution,
    resource,
    taking,
  }: {
    readonly execution: NewExecution;
    readonly resource: StartingResource;
    readonly taking: Omit<ResourceChange, 'owner'>;
  },
): Promise<boolean> {
  if (execution.parent === null) return false;
  const lender = (await writes.find(connection, resource))?.executionId ?? null;
  if (lender === null || !(await listAncestors(connection, execution.id)).includes(lender)) return false;
  if (!(await writes.change(connection, resource, { ...taking, owner: { executionId: lender } }))) return false;
  await setLender(connection, execution.id, resource, lender);
  return true;
}

async function answerWithRival(
  connection: Connection,
  writes: ResourceWrites,
  params: ScheduleParams,
  rival: RivalExecution,
): Promise<Scheduled> {
  const { execution } = params;
  if (rival.by === 'resource') {
    const main = params.resources.find((resource) => resource.main);
    throw main === undefined
      ? busyError(execution, undefined)
      : await resourceConflict(connection, writes, main, execution.executor);
  }
  if (rival.by === 'idempotency_key' && rival.request_hash !== execution.requestHash) {
    throw idempotencyConflict(execution.idempotencyKey, rival);
  }
  return { executionId: rival.id, created: false };
}

function idempotencyConflict(key: string | null, rival: RivalExecution): ReeveError {
  return new ReeveError(
    'IDEMPOTENCY_CONFLICT',
    `idempotency key "${key}" belongs to execution ${rival.id} of "${rival.executor}", whose executor, resource or input differs`,
    { details: { idempotencyKey: key, executionId: rival.id } },
  );
}

/** Why a resource could not be taken: what it is, its state, and whose execution holds it. */
async function resourceConflict(
  connection: Connection,
  writes: ResourceWrites,
  ref: StartingResource,
  executor: string,
): Promise<ReeveError> {
  const wanted = ref.start;
  const found = await writes.find(connection, ref);
  if (found === undefined) return notFoundError(ref, executor);
  const holder = found.executionId === null ? 'no execution' : `execution ${found.executionId}`;
  return new ReeveError(
    'RESOURCE_BUSY',
    `${ref.type} ${ref.id} is in state "${found.state}" and held by ${holder}; "${executor}" starts only from ${wanted.from.map((state) => `"${state}"`).join(' or ')} when nothing holds it`,
    {
      details: {
        resourceType: ref.type,
        resourceId: ref.id,
        state: found.state,
        executionId: found.executionId,
        allowedStates: [...wanted.from],
      },
    },
  );
}

function notFoundError(ref: ResourceRef, executor: string): ReeveError {
  return new ReeveError('RESOURCE_NOT_FOUND', `${ref.type} ${ref.id} does not exist, so "${executor}" cannot start`, {
    details: { resourceType: ref.type, resourceId: ref.id },
  });
}

export function busyError(
  execution: Pick<NewExecution, 'executor' | 'resourceType' | 'resourceId'>,
  cause: unknown,
): ReeveError {
  const object =
    execution.resourceId === null ? `"${execution.executor}"` : `${execution.resourceType} ${execution.resourceId}`;
  return new ReeveError('BUSY', `another open transaction is starting an operation on ${object}`, {
    retryable: true,
    cause,
    details: { resourceType: execution.resourceType, resourceId: execution.resourceId },
  });
}
