import { advanceAll, type Advanced } from './advance-steps.ts';
import type { LedgerPool } from './ledger-pool.ts';
import { admit, lockKeys, LinesGrew } from './permits.ts';
import type { ResourceWrites } from './resource-writes.ts';
import type { ReadyStep } from './sql/advance-steps.ts';
import { dropReleased } from './sql/drop-permits.ts';
import { endExecutions } from './sql/end-executions.ts';
import { endSteps, type SucceededStep } from './sql/end-steps.ts';
import { listPermitKeysOf } from './sql/list-lines-of.ts';
import { lockPlainExecutions } from './sql/lock-plain-executions.ts';

/** A step that has succeeded, and the steps behind it: its end may be that of a scope. */
export interface ScopeEnd extends SucceededStep {
  readonly next: readonly number[];
}

/** What the end of a step has led to; `handedOn` are steps of others, which were let in instead. */
export interface ScopeEnded extends Omit<Advanced, 'released'> {
  readonly handedOn: readonly ReadyStep[];
}

/**
 * The completions of many steps that may end scopes, in one transaction of set-based statements: the locks of throttles,
 * executions and steps are taken in their order, once for all of them, and whoever comes next is admitted together.
 *
 * It takes only what is free and simple, one step of each execution. A token that is missing from the answer was not
 * ended, and nothing of it is written: it is gone, somebody holds its execution, or its end takes more than this knows
 * (holds, resources, rules, a parent).
 */
export async function endScopes(
  pool: LedgerPool,
  writes: ResourceWrites,
  wanted: readonly ScopeEnd[],
): Promise<ReadonlyMap<string, ScopeEnded>> {
  const first = [...new Map(wanted.toReversed().map((end) => [end.executionId, end])).values()];
  return pool.transaction(async (connection) => {
    const lines = await listPermitKeysOf(connection, idsOf(first));
    const simple = first.filter(({ executionId }) => !lines.holding.has(executionId));
    if (simple.length === 0) return new Map();
    const locked = lines.keys.length === 0 ? [] : await lockKeys(connection, lines.keys);
    const mine = await lockPlainExecutions(connection, idsOf(simple));
    const owned = simple.filter(({ executionId }) => mine.has(executionId));
    const tokens = owned.length === 0 ? new Set<string>() : await endSteps(connection, owned);
    const made = owned.filter(({ token }) => tokens.has(token));
    if (made.length === 0) return new Map();

    const places = made.flatMap(({ executionId, next }) => next.map((position) => ({ executionId, position })));
    const advanced = await advanceAll(connection, places);
    const ended = [...advanced].flatMap(([id, one]) => (one.ended ? [id] : []));
    await endExecutions(connection, ended);
    const released = [...advanced].flatMap(([executionId, one]) =>
      one.released.map((position) => ({ executionId, position })),
    );
    const dropped = await dropReleased(connection, ended, released);
    if (dropped.some(({ key, resource }) => resource !== null || !locked.includes(key))) {
      throw new LinesGrew('an execution has asked for further permits');
    }
    const handedOn = dropped.length === 0 ? [] : await admit(connection, writes, locked);
    return new Map(
      made.map(({ executionId, token }, index) => {
        const { ready, ended: isEnded, waits } = advanced.get(executionId) ?? nothing;
        return [token, { ready, ended: isEnded, waits, handedOn: index === 0 ? handedOn : [] }];
      }),
    );
  });
}

const nothing: Advanced = { ready: [], ended: false, released: [], waits: false };

function idsOf(ends: readonly ScopeEnd[]): string[] {
  return ends.map(({ executionId }) => executionId);
}
