import type { JsonLimits } from '../core/json.ts';
import type { Logger } from '../core/logging.ts';
import { storeError } from '../core/stored-error.ts';
import { takeStep } from '../executions/claim-step.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { FinishAnswer } from '../executions/finish-step.ts';
import { CommitUnknown, type LedgerPool } from '../executions/ledger-pool.ts';
import type { ResourceWrites } from '../executions/resource-writes.ts';
import { isConnectionError } from '../executions/sql-state.ts';
import type { StepOutcome } from '../executions/step-outcome.ts';
import type { ChildStarter } from '../executors/child-starter.ts';
import type { PlanFunctions } from '../executors/plan-functions.ts';
import type { TaskRegistry } from '../executors/task-registry.ts';
import { newClaimToken } from '../core/ids.ts';
import type { StepJob } from '../queues/job.ts';
import type { ResourceRegistry } from '../resources/resource-registry.ts';
import { ActiveClaim, type ActiveClaims } from './active-claims.ts';
import { completeStep } from './complete-step.ts';
import { outcomeOfAnswer, outcomeOfError } from './decide-outcome.ts';
import { runHandler, type RunEnvironment } from './run-handler.ts';
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
  /** Whether the worker is stopping, so that a step that was claimed just now and may be interrupted goes back. */
  readonly isDraining: () => boolean;
  readonly logger: Logger;
  /** Called once the code has ended, before anything of it is written; what it throws is a death of the process. */
  readonly beforeCompletion?: (step: ClaimedStep) => void;
  /** Called after a completion, with what it made ready or ended. */
  readonly onFinished: (answer: FinishAnswer, step: ClaimedStep) => void;
}

/** What a job asks for. */
type WantedStep = Pick<StepJob, 'execution' | 'position' | 'delivery'>;

/** An attempt as it passes through its stages: claim → resolve → run with limits → outcome → complete. */
export class StepRunner {
  readonly #options: StepRunnerOptions;
  readonly #taskNames: readonly string[];
  readonly #unknown = new Set<string>();

  constructor(options: StepRunnerOptions) {
    this.#options = options;
    this.#taskNames = options.tasks.allNames();
  }

  /**
   * Does what a job asks for, if it may still be done. Returns normally for everything that is decided in the ledger,
   * failures of the step included; throws only when the ledger did not answer.
   */
  async run(job: WantedStep): Promise<void> {
    const claim = await this.#claim(job);
    if (claim === undefined) return;
    const { step } = claim.claim;
    this.#options.claims.add(claim.claim);
    if (this.#options.isDraining() && step.policy.interruptible) claim.claim.abort('shutdown');
    const logger = stepLogger(this.#options.logger, step);
    try {
      const outcome =
        claim.beginFailure === undefined
          ? await this.#attempt(claim.claim, logger)
          : outcomeOfError(step, claim.beginFailure);
      this.#options.beforeCompletion?.(step);
      if (claim.claim.cause === 'lost') {
        logger.warn({ event: 'step.lost' }, 'another worker has the step; nothing of this attempt was written');
        return;
      }
      const answer = isFinished(outcome)
        ? outcome
        : await completeStep(claim.claim, outcome, { ...this.#options, logger });
      logOutcome(logger, step, answer);
      this.#options.onFinished(answer, step);
    } finally {
      this.#options.claims.remove(claim.claim);
    }
  }

  async #claim(job: WantedStep): Promise<{ claim: ActiveClaim; beginFailure?: Error } | undefined> {
    const { pool, writes, workerId, leaseMs, logger } = this.#options;
    const token = newClaimToken();
    const params = {
      executionId: job.execution,
      position: job.position,
      delivery: job.delivery,
      token,
      workerId,
      leaseMs,
      tasks: this.#taskNames,
      resourceTypes: this.#options.resources.types(),
    };
    const answer = await this.#untilAnswered(() => takeStep(pool, writes, params));
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
      const handler = known.tasks.handler(step.task);
      const environment = { ...known, connection: known.pool, logger };
      const answer = await runHandler(claim, handler, environment);
      return answer.kind === 'completed' ? answer.finish : outcomeOfAnswer(step, answer, known.limits);
    } catch (error) {
      if (claim.cause === 'cancel') return { kind: 'canceled', error: storeError(error) };
      if (claim.cause === 'shutdown') return { kind: 'released' };
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
