import { newId } from '../core/ids.ts';
import type { Logger } from '../core/logging.ts';
import type { FinishAnswer } from '../executions/finish-step.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import { admitWaiting } from '../executions/permits.ts';
import { readyDue } from '../executions/ready-due.ts';
import { settleExecution } from '../executions/settle-execution.ts';
import { neverAlone } from '../executions/sql/claim-step.ts';
import { listEnded, listOrphans } from '../executions/sql/list-ending.ts';
import { listExpiredSteps } from '../executions/sql/list-expired-steps.ts';
import { listReadySteps } from '../executions/sql/list-ready-steps.ts';
import { ActiveClaims } from './active-claims.ts';
import { LoneGate } from './lone-gate.ts';
import { reapStep } from './reap-step.ts';
import { StepRunner, type StepRunnerOptions } from './step-runner.ts';

/** A step that was run, and what became of it; without an answer where its process died meanwhile. */
export interface RanStep {
  readonly step: ClaimedStep;
  readonly answer: FinishAnswer | undefined;
}

export interface LocalRunnerOptions extends Omit<
  StepRunnerOptions,
  | 'claims'
  | 'workerId'
  | 'isDraining'
  | 'onFinished'
  | 'beforeCompletion'
  | 'groupLimit'
  | 'continuation'
  | 'loneFrom'
  | 'gate'
  | 'isolation'
> {
  readonly logger: Logger;
  readonly maxCrashes: number;
  /** Cancels a child whose parent is ending. */
  readonly cancel: (executionId: string) => Promise<void>;
  readonly beforeCompletion?: (step: ClaimedStep) => void;
}

const batchSize = 500;

/** The engine without a broker and without loops: runs what the ledger has, one step after another, when it is told to. */
export class LocalRunner {
  readonly claims = new ActiveClaims();
  readonly workerId = newId();
  readonly #options: LocalRunnerOptions;
  readonly #runner: StepRunner;
  #ran: RanStep | undefined;

  constructor(options: LocalRunnerOptions) {
    this.#options = options;
    this.#runner = new StepRunner({
      ...options,
      claims: this.claims,
      workerId: this.workerId,
      groupLimit: 1,
      continuation: null,
      // One step after another: each runs alone anyway.
      loneFrom: neverAlone,
      gate: new LoneGate(),
      isolation: undefined,
      isDraining: () => false,
      beforeCompletion: (step) => {
        this.#ran = { step, answer: undefined };
        options.beforeCompletion?.(step);
      },
      onFinished: (answer, step) => {
        this.#ran = { step, answer };
      },
    });
  }

  /** What the loops of a worker do between steps: admit, what is due, what is over, what is to be ended. */
  async settle(): Promise<void> {
    const { pool, writes, cancel } = this.#options;
    for (const step of await listExpiredSteps(pool, batchSize)) await reapStep(this.#options, step);
    while ((await readyDue(pool, batchSize)).count === batchSize);
    for (const id of await listOrphans(pool, batchSize)) await cancel(id);
    for (const id of await listEnded(pool, batchSize)) await settleExecution(pool, writes, id);
    for (let more = true; more;) {
      const admitted = await admitWaiting(pool, writes);
      more = admitted.more || admitted.ready.length > 0;
    }
  }

  /**
   * Runs the step that has been ready for longest; undefined when nothing can be run now.
   *
   * @param within - Only of this execution, and of what it has started.
   */
  async next(within: string | null = null): Promise<RanStep | undefined> {
    await this.settle();
    for (const ready of await listReadySteps(this.#options.pool, { within, limit: batchSize })) {
      this.#ran = undefined;
      const { executionId: execution, position, delivery } = ready;
      await this.#runner.run({ execution, position, delivery });
      if (this.#ran !== undefined) return this.#ran;
    }
    return undefined;
  }
}
