import { ReeveError } from '../core/errors.ts';
import { errorJson, storeError, type StoredError } from '../core/stored-error.ts';
import type { ClaimedStep } from './claimed-step.ts';
import type { Connection } from './connection.ts';
import { endCanceled, endFailed, endSucceeded, type Ending } from './end-execution.ts';
import { endOpen } from './end-open.ts';
import type { LedgerPool } from './ledger-pool.ts';
import { lostResource } from './lost-resource.ts';
import { mainResource } from './main-resource.ts';
import { checkLines, handOn, lockLines, nobody, type Admitted } from './permits.ts';
import { inLockOrder, type ResourceChange, type ResourceRef, type ResourceWrites } from './resource-writes.ts';
import { resolveSavedFields } from './step-references.ts';
import type { StepOutcome } from './step-outcome.ts';
import { addSteps } from './add-steps.ts';
import { advanceSteps } from './advance-steps.ts';
import type { ReadyStep } from './sql/advance-steps.ts';
import { endStep } from './sql/end-step.ts';
import type { OwnedResource } from './sql/insert-execution-resources.ts';
import { isExecutionActive } from './sql/is-execution-active.ts';
import { listExecutionResources } from './sql/list-execution-resources.ts';
import { lockExecution } from './sql/lock-execution.ts';
import { findNextPosition } from './sql/find-expansion.ts';
import { skipSteps } from './sql/skip-steps.ts';
import { markFailing } from './sql/mark-failing.ts';

export type FinishAnswer =
  /** The token no longer holds the step; nothing was written. */
  | { readonly kind: 'stale' }
  | {
      readonly kind: 'finished';
      /** What was written: not always what was asked, a lost resource turns a success into a failure. */
      readonly outcome: StepOutcome;
      /** Steps that became ready, of other executions too where a permit was handed on. */
      readonly ready: readonly ReadyStep[];
      /** Whether its execution fails or is canceled, and something of it is still under way. */
      readonly ending?: boolean;
      /** Whether somebody stands in line, for whom there may be permits. */
      readonly waits?: boolean;
      /** `false` where nothing can have become due later; absent where that is not known. */
      readonly dueLater?: false;
      /** The step behind it, which this process has claimed by the same commit. */
      readonly continued?: ClaimedStep;
      readonly executionEnded?: 'succeeded' | 'failed' | 'canceled';
    };

export interface FinishParams {
  readonly step: ClaimedStep;
  readonly outcome: StepOutcome;
  /** For the reaper: only if the lease is still expired under the lock. */
  readonly expiredOnly?: boolean;
}

class Stale extends Error {}

/** Rolls the transaction back, so that it can be run again with the execution locked exclusively. */
class NeedsExclusiveLock extends Error {}

/**
 * The completion of an attempt, in one transaction: attempt, outcome, fields to save, successors, resource states, the
 * end of the execution. Everything is guarded by the claim token; a stale worker writes nothing at all.
 *
 * What only moves a chain on takes the execution FOR SHARE; what may end it takes it exclusively. The order of locks is
 * execution, resources by type and id, steps by position.
 */
export async function finishStep(
  pool: LedgerPool,
  writes: ResourceWrites,
  params: FinishParams,
): Promise<FinishAnswer> {
  const { step, outcome } = params;
  const grows = outcome.kind === 'succeeded' && (outcome.added?.length ?? 0) > 0;
  const mayEnd =
    (outcome.kind === 'failed' && !isTolerated(step)) ||
    (outcome.kind === 'succeeded' && (step.leadsToEnd || step.nearEnd)) ||
    grows;
  for (const mode of mayEnd ? (['update'] as const) : (['share', 'update'] as const)) {
    const answer = await pool
      .transaction((connection) => new Completion(connection, writes, params).run(outcome, mode))
      .catch((error: unknown) => {
        if (error instanceof Stale) return { kind: 'stale' } as const;
        if (error instanceof NeedsExclusiveLock) return 'needs-exclusive-lock' as const;
        throw error;
      });
    if (answer !== 'needs-exclusive-lock') return answer;
  }
  throw new ReeveError(
    'EXECUTION_CORRUPT',
    `step ${step.position} of execution ${step.executionId} cannot be finished`,
  );
}

/**
 * The same inside a transaction that is already open: the work of a transactional step and its completion are one
 * commit. The caller holds no engine lock yet, and after `stale` rolls everything back.
 */
export async function finishStepOn(
  connection: Connection,
  writes: ResourceWrites,
  params: FinishParams,
): Promise<FinishAnswer> {
  try {
    return await new Completion(connection, writes, params).run(params.outcome, 'update');
  } catch (error) {
    if (error instanceof Stale) return { kind: 'stale' };
    throw error;
  }
}

class Completion {
  readonly #connection: Connection;
  readonly #writes: ResourceWrites;
  readonly #step: ClaimedStep;
  readonly #expiredOnly: boolean;
  /** The lines that this transaction has locked. */
  #locked: readonly string[] = [];
  #hasRules = false;

  constructor(connection: Connection, writes: ResourceWrites, params: FinishParams) {
    this.#connection = connection;
    this.#writes = writes;
    this.#step = params.step;
    this.#expiredOnly = params.expiredOnly ?? false;
  }

  async run(asked: StepOutcome, mode: 'share' | 'update'): Promise<FinishAnswer> {
    const { permits } = this.#step.effects;
    const movesLines = permits !== undefined && (mode === 'update' || permits === 'releases');
    if (movesLines) this.#locked = await lockLines(this.#connection, this.#step.executionId);
    const execution = await lockExecution(this.#connection, this.#step.executionId, mode);
    if (execution === undefined) throw new Stale();
    this.#hasRules = execution.hasRules;
    const holds = movesLines ? await checkLines(this.#connection, this.#step.executionId, this.#locked) : [];
    const failing = execution.state === 'failing' || execution.state === 'canceling';
    if (mode === 'share' && failing) throw new NeedsExclusiveLock();

    const locked = await this.#lockResources(mode, holds);
    const canceling = execution.state === 'canceling';
    const decided = failing && this.#decides(asked) ? this.#undecided(canceling) : asked;
    const wanted = canceling ? outcomeWhenCanceled(decided) : decided;
    const outcome = await this.#stillFits(await this.#stillAwaited(await this.#applyEffects(wanted, locked)));
    // A step that takes or frees its resource by itself changes what is owned.
    const moved = this.#step.effects.after !== undefined;
    const resources = moved ? await listExecutionResources(this.#connection, this.#step.executionId) : locked;
    const tolerated = outcome.kind === 'failed' && !failing && isTolerated(this.#step);
    if (mode === 'share' && outcome.kind === 'failed' && !tolerated) throw new NeedsExclusiveLock();
    const change = tolerated ? withResult(outcome) : outcome;
    const end = { step: this.#step, outcome, change, expiredOnly: this.#expiredOnly };
    if (!(await endStep(this.#connection, end))) throw new Stale();

    if (canceling) return this.#finishCanceling(outcome, execution.error as unknown as StoredError, resources);
    if (failing) return this.#finishFailing(outcome, execution.error as unknown as StoredError, resources);
    if (outcome.kind === 'failed' && !tolerated) return this.#finishFailing(outcome, outcome.error, resources);
    if (outcome.kind !== 'succeeded' && !tolerated) return { kind: 'finished', outcome, ready: [] };
    if (outcome.kind === 'succeeded' && outcome.added !== undefined && outcome.added.length > 0) {
      await addSteps(this.#connection, this.#step, outcome.added, execution.priority);
      return { kind: 'finished', outcome, ready: [], waits: true };
    }
    return this.#finishSucceeded(outcome, mode, resources);
  }

  async #lockResources(mode: 'share' | 'update', holds: readonly ResourceRef[]): Promise<OwnedResource[]> {
    const { effects } = this.#step;
    const touches =
      mode === 'update' ||
      effects.save !== undefined ||
      effects.after !== undefined ||
      effects.runtimeAfter !== undefined ||
      effects.deletes === true;
    if (!touches && holds.length === 0) return [];
    const resources = await listExecutionResources(this.#connection, this.#step.executionId);
    await this.#writes.lock(this.#connection, inLockOrder([...resources, ...holds]));
    return resources;
  }

  /** Writes what a success leaves on the resource; a row that was taken away turns it into a failure. */
  async #applyEffects(outcome: StepOutcome, resources: readonly OwnedResource[]): Promise<StepOutcome> {
    const main = mainResource(this.#step, resources);
    if (outcome.kind !== 'succeeded' || main === undefined) return outcome;
    try {
      const lost = await this.#changeMain(main, outcome);
      return lost === undefined ? outcome : { kind: 'failed', error: lost };
    } catch (error) {
      if (Error.isError(error) && 'code' in error && error.code === 'REFERENCE_MISSING') {
        return { kind: 'failed', error: storeError(error) };
      }
      throw error;
    }
  }

  async #changeMain(
    main: { readonly ref: ResourceRef; readonly owner: 'mine' | 'any' },
    outcome: StepOutcome & { kind: 'succeeded' },
  ): Promise<StoredError | undefined> {
    const { effects, executionId } = this.#step;
    if (effects.deletes === true) {
      const removed = await this.#writes.remove(this.#connection, main.ref, executionId);
      return removed ? undefined : lostResource(main.ref);
    }
    const change: ResourceChange = {
      executionId,
      owner: main.owner,
      ...(effects.after === undefined ? {} : { transition: effects.after }),
      ...(effects.runtimeAfter === undefined ? {} : { runtimeState: effects.runtimeAfter }),
      ...(effects.save === undefined ? {} : { fields: resolveSavedFields(effects.save, outcome.result, this.#step) }),
      ...(effects.errorMessage === undefined ? {} : { error: messageOnly(effects.errorMessage) }),
    };
    if (Object.keys(change).length <= 2) return undefined;
    return (await this.#writes.change(this.#connection, main.ref, change)) ? undefined : lostResource(main.ref);
  }

  async #finishSucceeded(
    outcome: StepOutcome,
    mode: 'share' | 'update',
    resources: readonly OwnedResource[],
  ): Promise<FinishAnswer> {
    const next = await this.#nextSteps(outcome);
    const { ready, ended, released, waits } = await advanceSteps(this.#connection, this.#step.executionId, next);
    const { release } = this.#step.effects;
    const scopes = release === undefined ? released : [release, ...released];
    if (!ended) {
      const handed = scopes.length > 0 ? await this.#handOn(scopes) : nobody;
      return { kind: 'finished', outcome, ready: [...ready, ...handed.ready], waits: waits || handed.more };
    }
    if (mode === 'share') throw new NeedsExclusiveLock();
    const executionEnded = await endSucceeded(this.#ending(resources));
    return { kind: 'finished', outcome, ...(await this.#handedOn('all')), executionEnded };
  }

  /** A child that has ended in the meantime is not waited for: the step is looked at again at once. */
  async #stillAwaited(outcome: StepOutcome): Promise<StepOutcome> {
    if (outcome.kind !== 'await' || (await isExecutionActive(this.#connection, outcome.childId))) return outcome;
    return { kind: 'again', poll: { child: outcome.childId }, delayMs: 0 };
  }

  /** Whether the outcome decides what comes behind the step, or adds steps. */
  #decides(outcome: StepOutcome): boolean {
    if (outcome.kind !== 'succeeded') return false;
    return this.#step.effects.gate !== undefined || (outcome.added?.length ?? 0) > 0;
  }

  /** While the execution ends nothing is decided any more: a retry asks again. */
  #undecided(canceling: boolean): StepOutcome {
    return canceling ? { kind: 'canceled' } : { kind: 'released' };
  }

  /** Other steps have been added in the meantime: what this one adds is worked out again, with other numbers. */
  async #stillFits(outcome: StepOutcome): Promise<StepOutcome> {
    const first = outcome.kind === 'succeeded' ? outcome.added?.[0] : undefined;
    if (first === undefined) return outcome;
    const next = await findNextPosition(this.#connection, this.#step.executionId);
    return next === first.position ? outcome : { kind: 'again', poll: this.#step.poll, delayMs: 0 };
  }

  /** What a success leads to; behind a gate, what is left once the side that was not taken is skipped. */
  async #nextSteps(outcome: StepOutcome): Promise<readonly number[]> {
    const { gate, outcome: byOutcome } = this.#step.effects;
    if (gate === undefined) return this.#step.next;
    const isYes = outcome.kind === 'succeeded' && (byOutcome === true || outcome.result === true);
    const [taken, left] = isYes ? [gate.yes, gate.no] : [gate.no, gate.yes];
    if (left !== null) await skipSteps(this.#connection, this.#step.executionId, left);
    const onTheOtherSide = taken === null && left === null ? [] : [gate.join];
    const entries = this.#step.next.filter((next) => taken !== null && next >= taken[0] && next <= taken[1]);
    return [...(taken === null ? [gate.join] : entries), ...onTheOtherSide];
  }

  async #finishFailing(
    outcome: StepOutcome,
    error: StoredError,
    resources: readonly OwnedResource[],
  ): Promise<FinishAnswer> {
    const { executionId } = this.#step;
    if ((await endOpen(this.#connection, executionId, 'skipped')) > 0) {
      await markFailing(this.#connection, executionId, errorJson(error));
      return { kind: 'finished', outcome, ...(await this.#handedOn('waiting')), ending: true };
    }
    await endFailed(this.#ending(resources), error);
    return { kind: 'finished', outcome, ...(await this.#handedOn('all')), executionEnded: 'failed' };
  }

  /**
   * The cancel has ended all that had not started, but for what a child has woken since; the last running step ends the
   * execution.
   */
  async #finishCanceling(
    outcome: StepOutcome,
    error: StoredError,
    resources: readonly OwnedResource[],
  ): Promise<FinishAnswer> {
    if ((await endOpen(this.#connection, this.#step.executionId, 'canceled')) > 0) {
      return { kind: 'finished', outcome, ready: [], ending: true };
    }
    await endCanceled(this.#ending(resources), error);
    return { kind: 'finished', outcome, ...(await this.#handedOn('all')), executionEnded: 'canceled' };
  }

  async #handedOn(which: 'waiting' | 'all'): Promise<Pick<FinishAnswer & { kind: 'finished' }, 'ready' | 'waits'>> {
    const { ready, more } = await this.#handOn(which);
    return { ready, waits: more };
  }

  async #handOn(which: readonly number[] | 'waiting' | 'all'): Promise<Admitted> {
    if (this.#locked.length === 0) return nobody;
    return handOn(this.#connection, this.#writes, this.#step.executionId, { which, locked: this.#locked });
  }

  #ending(resources: readonly OwnedResource[]): Ending {
    const hasRules = this.#hasRules;
    return { connection: this.#connection, writes: this.#writes, step: this.#step, resources, hasRules };
  }
}

/**
 * Nothing starts after a cancel: what would have been tried again, or looked at again, is canceled. A child that was
 * started meanwhile is still waited for; it is canceled as well.
 */
function outcomeWhenCanceled(outcome: StepOutcome): StepOutcome {
  if (outcome.kind === 'succeeded' || outcome.kind === 'failed' || outcome.kind === 'await') return outcome;
  return 'error' in outcome && outcome.error !== undefined
    ? { kind: 'canceled', error: outcome.error }
    : { kind: 'canceled' };
}

/** Whether a failure of the step is an outcome, and decides what comes behind it. */
function isTolerated({ effects }: ClaimedStep): boolean {
  return effects.outcome === true;
}

/** A failure that is an outcome is the result of its step as well, for the steps behind it. */
function withResult(outcome: StepOutcome): StepOutcome {
  if (outcome.kind !== 'failed') return outcome;
  const { code, message } = outcome.error;
  return { ...outcome, result: { code, message } };
}

function messageOnly(message: string): StoredError {
  return { code: 'TASK_FAILED', message, traceback: '', retryable: false, permanent: false };
}
