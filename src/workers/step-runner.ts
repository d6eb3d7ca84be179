import { ReeveError, type ErrorCode } from '../core/errors.ts';
import { newClaimToken } from '../core/ids.ts';
import type { JsonLimits } from '../core/json.ts';
import type { Logger } from '../core/logging.ts';
import { storeError } from '../core/stored-error.ts';
import { takeStep } from '../executions/claim-step.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import { Completions } from '../executions/completions.ts';
import type { FinishAnswer } from '../executions/finish-step.ts';
import { GroupCommit } from '../executions/group-commit.ts';
import { CommitUnknown, type LedgerPool } from '../executions/ledger-pool.ts';
import type { ResourceWrites } from '../executions/resource-writes.ts';
import { isConnectionError } from '../executions/sql-state.ts';
import { neverAlone } from '../executions/sql/claim-step.ts';
import { claimSteps, type Claimant, type ClaimWish } from '../executions/sql/claim-steps.ts';
import { postponeStep } from '../executions/sql/postpone-step.ts';
import type { StepOutcome } from '../executions/step-outcome.ts';
import type { ChildStarter } from '../executors/child-starter.ts';
import type { PlanFunctions } from '../executors/plan-functions.ts';
import type { TaskRegistry } from '../executors/task-registry.ts';
import { IsolatedCrash } from '../isolation/isolated-side.ts';
import type { StepJob } from '../queues/job.ts';
import type { ResourceRegistry } from '../resources/resource-registry.ts';
import { ActiveClaim, type ActiveClaims } from './active-claims.ts';
import { completeStep } from './complete-step.ts';
import { outcomeOfAnswer, outcomeOfError } from './decide-outcome.ts';
import { JobTurn, type Continuation } from './job-turn.ts';
import type { LoneGate } from './lone-gate.ts';
import { runHandler, type RunEnvironment } from './run-handler.ts';
import { outcomeOfCrash, type Isolation } from './run-isolated.ts';
import { stepLogger, logOutcome } from './step-log.ts';

export interface StepRunnerOptions {
  readonly pool: LedgerPool;
  readonly writes: ResourceWrites;
  readonly resources: ResourceRegistry;
  readonly tasks: TaskRegistry;
  readonly functions: PlanFunctions;
  readonly children: ChildStarter;
  readonly startAll: RunEnvironment['startAll'];
  readonly claims: ActiveClaims;
  readonly limits: JsonLimits;
  readonly workerId: string;
  readonly leaseMs: number;
  /** How long a running step is given to end by itself after a cancel. */
  readonly cancelGraceMs: number;
  /** How many claims, and how many completions, share a transaction; 1: each has its own. */
  readonly groupLimit: number;
  /** How far a job goes on with the steps behind its own; null: not at all. */
  readonly continuation: Continuation | null;
  /** A step that has lost so many workers runs alone in its process. */
  readonly loneFrom: number;
  /** Shared by all that run steps in this process. */
  readonly gate: LoneGate;
  /** Undefined: every step runs in this process. */
  readonly isolation: Isolation | undefined;
  /** How often a step may lose what runs it. */
  readonly maxCrashes: number;
  /** Whether the worker is stopping, so that a step that was claimed just now and may be interrupted goes back. */
  readonly isDraining: () => boolean;
  readonly logger: Logger;
  /** Called once the code has ended, before anything of it is written; what it throws is a death of the process. */
  readonly beforeCompletion?: (step: ClaimedStep) => void;
  /** Called after a completion, with what it made ready or ended. */
  readonly onFinished: (answer: FinishAnswer, step: ClaimedStep) => void;
}

interface TakenStep {
  readonly claim: ActiveClaim;
  /** Why the resources of the step could not begin. */
  readonly beginFailure?: Error;
}

/** What a job asks for. */
type WantedStep = Pick<StepJob, 'execution' | 'position' | 'delivery'>;

/** An attempt as it passes through its stages: claim → resolve → run with limits → outcome → complete. */
export class StepRunner {
  readonly #options: StepRunnerOptions;
  /** What is the same for all claims. */
  readonly #claimant: Claimant;
  readonly #unknown = new Set<string>();
  readonly #claimGroup: GroupCommit<ClaimWish, ClaimedStep | undefined>;
  readonly #completions: Completions;

  constructor(options: StepRunnerOptions) {
    const { pool, writes, workerId, leaseMs, groupLimit, loneFrom } = options;
    this.#options = options;
    const claimant = {
      workerId,
      leaseMs,
      loneFrom,
      tasks: options.tasks.allNames(),
      resourceTypes: options.resources.types(),
    };
    this.#claimant = claimant;
    this.#claimGroup = new GroupCommit({
      limit: groupLimit,
      run: async (wishes) => {
        const claimed = await claimSteps(pool, wishes, claimant);
        return wishes.map(({ token }) => claimed.get(token));
      },
    });
    this.#completions = new Completions({ pool, writes, groupLimit, continuing: claimant });
  }

  /**
   * Does what a job asks for, if it may still be done, and goes on with the steps behind it for as long as its turn
   * lasts. Returns normally for everything that is decided in the ledger, failures of the step included; throws only
   * when the ledger did not answer.
   */
  async run(job: WantedStep): Promise<void> {
    const { gate, loneFrom } = this.#options;
    const done = await gate.together((leave) => this.#run(job, loneFrom, leave));
    if (done === 'alone') await this.#runAlone(job);
  }

  async #run(job: WantedStep, loneFrom: number, leave: () => void): Promise<'done' | 'alone'> {
    const { pool, continuation, isDraining } = this.#options;
    if (isDraining()) {
      // It goes out again as a new delivery, for another worker.
      await postponeStep(pool, { executionId: job.execution, position: job.position, delivery: job.delivery }, 0);
      return 'done';
    }
    const turn = new JobTurn(continuation);
    const taken = await this.#claim(job, loneFrom);
    if (taken === 'alone') return 'alone';
    let claim = taken;
    while (claim !== undefined) {
      claim.claim.lost.addEventListener('abort', leave);
      claim = await this.#runClaimed(claim, turn);
    }
    return 'done';
  }

  /** While others do not end, it is left to a worker that is less busy, or to later. */
  async #runAlone(job: WantedStep): Promise<void> {
    const { gate, pool, logger, leaseMs } = this.#options;
    const { execution: executionId, position, delivery } = job;
    const limits = { patienceMs: leaseMs, longestMs: 10 * leaseMs };
    const ran = await gate.alone(limits, () => this.#run(job, neverAlone, () => undefined));
    if (ran !== undefined) return;
    logger.warn(
      { event: 'step.lone.waits', execution: executionId, step: position },
      `step ${position + 1} has lost its workers before and has to run alone; this worker was not idle for ${leaseMs} ms, it is tried again later`,
    );
    await postponeStep(pool, { executionId, position, delivery }, leaseMs);
  }

  /** Answers the claim of the next step, where this one was to be followed by it. */
  async #runClaimed({ claim, beginFailure }: TakenStep, turn: JobTurn): Promise<TakenStep | undefined> {
    const { claims, isDraining, beforeCompletion, onFinished } = this.#options;
    const { step } = claim;
    claims.add(claim);
    if (isDraining() && step.policy.interruptible) claim.abort('shutdown');
    const logger = stepLogger(this.#options.logger, step);
    try {
      const outcome =
        beginFailure === undefined ? await this.#attempt(claim, logger) : outcomeOfError(step, beginFailure);
      beforeCompletion?.(step);
      if (claim.cause === 'lost') {
        logger.warn({ event: 'step.lost' }, 'another worker has the step; nothing of this attempt was written');
        return undefined;
      }
      const nextToken = turn.mayGoOn() && !isDraining() ? newClaimToken() : null;
      const environment = { pool: this.#options.pool, completions: this.#completions, logger, nextToken };
      const answer = isFinished(outcome) ? outcome : await completeStep(claim, outcome, environment);
      logOutcome(logger, step, answer);
      onFinished(answer, step);
      const next = answer.kind === 'finished' ? answer.continued : undefined;
      if (next === undefined) return undefined;
      const taken = { claim: new ActiveClaim(next) };
      claims.add(taken.claim);
      if (!isDraining()) return taken;
      await this.#giveBack(taken.claim);
      return undefined;
    } finally {
      claims.remove(claim);
    }
  }

  /** A step that was claimed for a worker that stops by now: another one goes on with it. */
  async #giveBack(claim: ActiveClaim): Promise<void> {
    const { claims, pool, onFinished } = this.#options;
    const logger = stepLogger(this.#options.logger, claim.step);
    try {
      const environment = { pool, completions: this.#completions, logger, nextToken: null };
      onFinished(await completeStep(claim, { kind: 'released' }, environment), claim.step);
    } finally {
      claims.remove(claim);
    }
  }

  async #claim(job: WantedStep, loneFrom: number): Promise<TakenStep | 'alone' | undefined> {
    const { pool, writes, logger, isolation } = this.#options;
    const params = {
      ...this.#claimant,
      executionId: job.execution,
      position: job.position,
      delivery: job.delivery,
      token: newClaimToken(),
      loneFrom,
    };
    const shared = loneFrom === this.#options.loneFrom ? () => this.#claimGroup.ask(params) : undefined;
    const first = await this.#untilAnswered(() => takeStep(pool, writes, params, shared));
    // Alone in its own process it is anyway, and nobody has to make room for it. What a thread does can end the worker.
    const isRoomMade = first.kind === 'alone' && isolation?.rules.kindOf(first) === 'process';
    const answer = isRoomMade
      ? await this.#untilAnswered(() => takeStep(pool, writes, { ...params, loneFrom: neverAlone }))
      : first;
    if (answer.kind === 'alone') return 'alone';
    if (answer.kind === 'claimed') {
      const claim = new ActiveClaim(answer.step);
      return answer.beginFailure === undefined ? { claim } : { claim, beginFailure: answer.beginFailure };
    }
    if (answer.kind === 'unknown' && !this.#unknown.has(answer.what)) {
      this.#unknown.add(answer.what);
      logger.warn(
        { event: 'step.unknown', what: answer.what, execution: job.execution, step: job.position },
        `${answer.what} is not registered on this worker; its steps stay in the ledger for a worker that knows it`,
      );
    }
    return undefined;
  }

  async #attempt(claim: ActiveClaim, logger: Logger): Promise<StepOutcome | FinishAnswer> {
    const { step } = claim;
    const { logger: _logger, ...known } = this.#options;
    try {
      const { refused } = (step.poll ?? {}) as { refused?: { code: ErrorCode; message: string } };
      if (refused !== undefined) throw new ReeveError(refused.code, refused.message);
      const answer = await runHandler(claim, { ...known, connection: known.pool, logger });
      return answer.kind === 'completed' ? answer.finish : outcomeOfAnswer(step, answer, known.limits);
    } catch (error) {
      if (claim.cause === 'cancel') return { kind: 'canceled', error: storeError(error) };
      if (claim.cause === 'shutdown') return { kind: 'released' };
      if (error instanceof IsolatedCrash) return outcomeOfCrash(step, error, known.maxCrashes);
      return outcomeOfError(step, error);
    }
  }

  /** A claim without an answer is asked again with the same token, so that it is never acknowledged by mistake. */
  async #untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await ask();
      } catch (error) {
        const unanswered = error instanceof CommitUnknown || isConnectionError(error);
        if (!unanswered || tries >= 20) throw error;
        this.#options.logger.debug({ event: 'step.claim.waits', err: storeError(error) }, 'the ledger does not answer');
        await new Promise((resolve) => {
          setTimeout(resolve, Math.min(50 * 2 ** tries, 2_000));
        });
      }
    }
  }
}

/** A transactional step comes back with its completion written. */
function isFinished(outcome: StepOutcome | FinishAnswer): outcome is FinishAnswer {
  return outcome.kind === 'finished' || outcome.kind === 'stale';
}
