import { ReeveError } from '../core/errors.ts';
import { getExecution } from './await-execution.ts';
import type { Blocker } from './blocker.ts';
import type { Connection } from './connection.ts';
import { awaitedChild, stepBlockers } from './explain-step.ts';
import { permitBlockers } from './explain-permits.ts';
import { listExecutions, listSteps, type ExecutionView } from './read-executions.ts';
import type { ResourceRef, ResourceWrites } from './resource-writes.ts';
import { isImpossibleValue } from './sql-state.ts';
import { listOperations } from './sql/list-operations.ts';
import { listWhySteps } from './sql/list-why-steps.ts';
import { isEnded, type ExecutionState } from './states.ts';

export interface Explanation {
  readonly executionId: string | null;
  readonly executor: string | null;
  readonly state: ExecutionState | null;
  readonly resource: ResourceRef | null;
  /** What is asked for first, what it waits for behind it. */
  readonly chain: readonly Blocker[];
}

/** Of a long plan so many steps are explained: all that may hold it up come before those that wait for them. */
const explainedSteps = 50;

/**
 * What an execution waits for, with evidence; reads without locks, so it is true for one moment.
 *
 * @throws EXECUTION_NOT_FOUND
 */
export async function explainExecution(
  connection: Connection,
  writes: ResourceWrites,
  executionId: string,
): Promise<Explanation> {
  const execution = await getExecution(connection, executionId);
  const { id, executor, state, resourceType, resourceId } = execution;
  const resource = resourceType === null || resourceId === null ? null : { type: resourceType, id: resourceId };
  return { executionId: id, executor, state, resource, chain: await chainOf(connection, writes, execution) };
}

/**
 * What a resource waits for: its owner and what that waits for, or the last execution on it.
 *
 * @throws RESOURCE_UNKNOWN, RESOURCE_NOT_FOUND
 */
export async function explainResource(
  connection: Connection,
  writes: ResourceWrites,
  resource: ResourceRef,
): Promise<Explanation> {
  const name = `${resource.type} ${resource.id}`;
  const found = await writes.find(connection, resource).catch((error: unknown) => {
    if (!isImpossibleValue(error)) throw error;
    return undefined;
  });
  if (found === undefined) {
    throw new ReeveError('RESOURCE_NOT_FOUND', `${name} does not exist`, {
      details: { resourceType: resource.type, resourceId: resource.id },
    });
  }
  const { state, executionId } = found;
  const evidence = { state, executionId };
  if (executionId !== null) {
    const text = `${name} is "${state}" and belongs to execution ${executionId}`;
    const owner = await explainExecution(connection, writes, executionId);
    return { ...owner, resource, chain: [{ kind: 'owned', text, position: null, evidence }, ...owner.chain] };
  }
  const text = `${name} is "${state}" and belongs to no execution`;
  const free: Blocker = { kind: 'free', text, position: null, evidence };
  const filter = { resourceType: resource.type, resourceId: resource.id, limit: 1 };
  const [last] = await listExecutions(connection, filter);
  if (last === undefined) return { executionId: null, executor: null, state: null, resource, chain: [free] };
  const chain = [free, ...(await chainOf(connection, writes, last))];
  return { executionId: last.id, executor: last.executor, state: last.state, resource, chain };
}

async function chainOf(connection: Connection, writes: ResourceWrites, execution: ExecutionView): Promise<Blocker[]> {
  if (isEnded(execution.state)) return [await ended(connection, execution)];
  const steps = await listWhySteps(connection, execution.id, explainedSteps);
  const chain: Blocker[] = [];
  for (const step of steps) {
    const waitsInLine = step.state === 'waiting' && (step.waitingFor === 'permit' || step.waitingFor === 'hold');
    chain.push(...(waitsInLine ? await permitBlockers(connection, writes, execution.id, step) : stepBlockers(step)));
    const child = awaitedChild(step);
    if (child !== undefined) chain.push(...(await explainExecution(connection, writes, child)).chain);
  }
  if (execution.state === 'running') return chain;
  return [await held(connection, execution), ...chain];
}

async function ended(
  connection: Connection,
  { id, executor, state, error, finishedAt }: ExecutionView,
): Promise<Blocker> {
  const failed = (await listSteps(connection, id)).find((step) => step.state === 'failed' && step.result === null);
  const at =
    failed === undefined || state !== 'failed' ? '' : ` at step ${failed.position + 1} "${failed.description}"`;
  const why = error === null ? '' : `: ${error.message}`;
  const next = state === 'succeeded' ? '' : '; "reeve retry" lets it go on';
  return {
    kind: 'ended',
    text: `execution ${id} of "${executor}" has ${ending[state] ?? state}${at}${why}${next}`,
    position: failed?.position ?? null,
    evidence: {
      state,
      finishedAt: finishedAt?.toISOString() ?? null,
      code: error?.code ?? null,
      message: error?.message ?? null,
    },
  };
}

const ending: Readonly<Partial<Record<ExecutionState, string>>> = { canceled: 'been canceled' };

/** An execution that is paused, failing or canceling: since when, and by whom where an operator asked for it. */
async function held(connection: Connection, { id, executor, state, error }: ExecutionView): Promise<Blocker> {
  const action = state === 'paused' ? 'pause' : 'cancel';
  const done = (await listOperations(connection, id)).findLast((operation) => operation.action === action);
  const by = done?.by === undefined || done.by === null ? '' : ` by ${done.by}`;
  const since = done === undefined ? '' : ` since ${done.at.toISOString()}${by}`;
  const reason = done?.reason === undefined || done.reason === null ? '' : `: ${done.reason}`;
  const subject = `execution ${id} of "${executor}" is ${state}`;
  return {
    kind: state === 'paused' ? 'paused' : 'ending',
    text:
      state === 'paused'
        ? `${subject}${since}${reason}; "reeve resume" lets it go on`
        : `${subject}${since} and ends when its running steps have ended${error === null ? '' : `: ${error.message}`}`,
    position: null,
    evidence: { state, since: done?.at.toISOString() ?? null, by: done?.by ?? null, reason: done?.reason ?? null },
  };
}
