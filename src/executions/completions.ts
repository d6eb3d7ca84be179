import type { JsonValue } from '../core/json.ts';
import type { ClaimedStep } from './claimed-step.ts';
import type { Connection } from './connection.ts';
import { endScopes, type ScopeEnd, type ScopeEnded } from './end-scopes.ts';
import { finishStep, type FinishAnswer } from './finish-step.ts';
import { GroupCommit } from './group-commit.ts';
import { CommitUnknown, type LedgerPool } from './ledger-pool.ts';
import type { ResourceWrites } from './resource-writes.ts';
import { isConnectionError } from './sql-state.ts';
import type { Claimant } from './sql/claim-steps.ts';
import { moveOn, type Move, type Moved } from './sql/move-on.ts';
import type { SucceededStep } from './sql/end-steps.ts';
import type { StepOutcome } from './step-outcome.ts';
import type { StepEffects } from './step-plan.ts';

export interface CompletionsOptions {
  readonly pool: LedgerPool;
  readonly writes: ResourceWrites;
  /** How many completions share a transaction. */
  readonly groupLimit: number;
  /** Who goes on with the steps that are claimed at once. */
  readonly continuing: Claimant;
}

/** What may stand in the effects of a step whose success changes nothing but the steps behind it, and permits. */
const plainEffects: ReadonlySet<string> = new Set<keyof StepEffects>([
  'begin',
  'runtimeDuring',
  'errorMessage',
  'permits',
]);

/**
 * Writes how steps have ended. A success that only moves its plan on shares a transaction with whatever else ends in this
 * process at that moment, and so do successes that may end scopes; everything else, and what the shared ones leave, has a
 * transaction of its own.
 */
export class Completions {
  readonly #pool: LedgerPool;
  readonly #writes: ResourceWrites;
  readonly #group: GroupCommit<Move, Moved | undefined>;
  readonly #scopes: GroupCommit<ScopeEnd, ScopeEnded | undefined>;

  constructor({ pool, writes, groupLimit, continuing }: CompletionsOptions) {
    this.#pool = pool;
    this.#writes = writes;
    this.#group = new GroupCommit({
      limit: groupLimit,
      run: async (moves) => {
        const moved = await moveOn(pool, moves, continuing);
        return moves.map(({ token }) => moved.get(token));
      },
    });
    this.#scopes = new GroupCommit({
      limit: groupLimit,
      run: async (ends) => {
        const ended = await endScopes(pool, writes, { wanted: ends, claimant: continuing });
        return ends.map(({ token }) => ended.get(token));
      },
    });
  }

  /**
   * @param nextToken - With what the step behind it is to be claimed at once, if this process may do it and nothing stands
   *   in the way; the answer's `continued` is that step.
   * @throws CommitUnknown when the connection was lost: the completion is there, or it is not.
   */
  async finish(step: ClaimedStep, outcome: StepOutcome, nextToken: string | null): Promise<FinishAnswer> {
    const move = plainMove(step, outcome, nextToken);
    const moved = move && (await together(this.#group, move));
    if (moved !== undefined) return finished(step, outcome, moved);
    const end = scopeEnd(step, outcome, nextToken);
    const ended = end && (await together(this.#scopes, end));
    if (ended !== undefined) return scopeEnded(outcome, ended);
    return finishStep(this.#pool, this.#writes, { step, outcome });
  }
}

/** Undefined also where it is refused: the transaction of its own says what is wrong with it. */
async function together<Item, Answer>(
  group: GroupCommit<Item, Answer | undefined>,
  item: Item,
): Promise<Answer | undefined> {
  try {
    return await group.ask(item);
  } catch (error) {
    if (isConnectionError(error)) throw new CommitUnknown('the connection was lost', { cause: error });
    if (error instanceof CommitUnknown) throw error;
    return undefined;
  }
}

/**
 * The same inside a transaction that is open already, for a step that may end its execution; undefined where it takes more,
 * and nothing is written then. Any other step would keep the execution locked FOR SHARE, and its ordinary completion could
 * not take it exclusively without waiting for others who want the same.
 */
export async function finishPlainly(
  connection: Connection,
  step: ClaimedStep,
  outcome: StepOutcome,
): Promise<FinishAnswer | undefined> {
  const move = step.leadsToEnd ? plainMove(step, outcome, null) : undefined;
  const moved = move && (await moveOn(connection, [move], null)).get(move.token);
  return moved && finished(step, outcome, moved);
}

function plainMove(step: ClaimedStep, outcome: StepOutcome, nextToken: string | null): Move | undefined {
  const succeeded = plainSuccess(step, outcome);
  if (succeeded === undefined || step.effects.permits === 'releases') return undefined;
  const [only, ...others] = step.next;
  if (only === undefined || others.length > 0 || step.kind !== 'task') return undefined;
  return { ...succeeded, next: only, leadsToEnd: step.leadsToEnd, nextToken };
}

function scopeEnd(step: ClaimedStep, outcome: StepOutcome, nextToken: string | null): ScopeEnd | undefined {
  const { effects, next, queue, parentId } = step;
  if (effects.permits !== 'releases' || next.length === 0 || parentId !== null) return undefined;
  const succeeded = plainSuccess(step, outcome);
  return succeeded && { ...succeeded, next, queue, nextToken };
}

/** Undefined where more is to be written than the step itself. */
function plainSuccess(step: ClaimedStep, outcome: StepOutcome): SucceededStep | undefined {
  const { executionId, position, token, effects } = step;
  if (outcome.kind !== 'succeeded' || (outcome.added?.length ?? 0) > 0) return undefined;
  if (!Object.keys(effects).every((key) => plainEffects.has(key))) return undefined;
  const poll = outcome.poll ?? step.poll;
  return { executionId, position, token, result: jsonText(outcome.result), poll: jsonText(poll) };
}

function jsonText(value: JsonValue): string | null {
  return value === null ? null : JSON.stringify(value);
}

function finished(step: ClaimedStep, outcome: StepOutcome, moved: Moved): FinishAnswer {
  const answer = { kind: 'finished', outcome, ready: [] } as const;
  switch (moved.kind) {
    case 'arrived':
      return { ...answer, dueLater: false };
    case 'ready':
      return { ...answer, ready: [moved.ready] };
    case 'ended':
      return { ...answer, executionEnded: 'succeeded' };
    case 'continued':
      return { ...answer, dueLater: false, continued: withResultOf(step, outcome, moved) };
  }
}

function scopeEnded(outcome: StepOutcome, { ended, continued, ...moved }: ScopeEnded): FinishAnswer {
  const answer = { kind: 'finished', outcome, ...moved } as const;
  return {
    ...answer,
    ...(ended ? { executionEnded: 'succeeded' as const } : {}),
    ...(continued === undefined ? {} : { continued }),
  };
}

/** The statement that has stored the result could not read it yet. */
function withResultOf(
  step: ClaimedStep,
  outcome: StepOutcome,
  { step: next, needsResults }: Moved & { kind: 'continued' },
): ClaimedStep {
  if (outcome.kind !== 'succeeded' || !needsResults.includes(step.position)) return next;
  const result = structuredClone(outcome.result);
  return { ...next, results: { ...next.results, [step.position]: result } };
}
