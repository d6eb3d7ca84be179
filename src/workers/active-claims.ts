import { ReeveError } from '../core/errors.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';

/** Why the signal of a running step was aborted. */
export type AbortCause = 'soft-limit' | 'hard-limit' | 'lost' | 'shutdown' | 'failing' | 'cancel';

const messages: Record<AbortCause, string> = {
  'soft-limit': 'the soft time limit of the step is over',
  'hard-limit': 'the time limit of the step is over',
  lost: 'the step was taken over by another worker',
  shutdown: 'the worker shuts down and the step may be interrupted',
  failing: 'another step of the execution has failed',
  cancel: 'the execution was canceled',
};

/** One step that this process runs now. */
export class ActiveClaim {
  readonly step: ClaimedStep;
  readonly #abort = new AbortController();
  readonly #cancel = new AbortController();
  readonly #lost = new AbortController();
  readonly #over = new AbortController();
  #cause: AbortCause | undefined;

  constructor(step: ClaimedStep) {
    this.step = step;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get cause(): AbortCause | undefined {
    return this.#cause;
  }

  /** Aborted when the step is told that its execution was canceled, whatever it was told before. */
  get canceled(): AbortSignal {
    return this.#cancel.signal;
  }

  /** Aborted when another worker has the step, whatever it was told before: what its code still does is nobody's business. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Aborted when nobody waits for its code any more, because it is lost or its worker ends: an isolated step is killed. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** The worker ends now, whatever the step does: it goes back, also where its soft limit was over. */
  end(): void {
    if (this.#cause === undefined || this.#cause === 'soft-limit') this.#cause = 'shutdown';
    this.#over.abort();
  }

  /** Aborts the signal; the first cause stays, except that a lost step is lost whatever came before. */
  abort(cause: AbortCause): void {
    if (this.#cause === undefined || cause === 'lost') this.#cause = cause;
    if (cause === 'cancel') this.#cancel.abort();
    if (cause === 'lost') {
      this.#lost.abort();
      this.#over.abort();
    }
    const code = cause === 'cancel' ? 'EXECUTION_CANCELED' : 'TASK_TIMED_OUT';
    this.#abort.abort(new ReeveError(code, messages[cause], { retryable: true }));
  }
}

/** The steps that this process runs now: what the heartbeat renews and a shutdown waits for. */
export class ActiveClaims {
  readonly #claims = new Map<string, ActiveClaim>();

  get size(): number {
    return this.#claims.size;
  }

  add(claim: ActiveClaim): void {
    this.#claims.set(claim.step.token, claim);
  }

  remove(claim: ActiveClaim): void {
    this.#claims.delete(claim.step.token);
  }

  has(claim: ActiveClaim): boolean {
    return this.#claims.get(claim.step.token) === claim;
  }

  /** Tells the steps of an execution that it was canceled, before the heartbeat would. */
  cancel(executionId: string): void {
    for (const claim of this.#claims.values()) if (claim.step.executionId === executionId) claim.abort('cancel');
  }

  list(): readonly ActiveClaim[] {
    return [...this.#claims.values()];
  }
}
