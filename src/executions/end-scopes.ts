import { advanceAll, type Advanced } from './advance-steps.ts';
import type { ClaimedStep } from './claimed-step.ts';
import type { Connection } from './connection.ts';
import type { LedgerPool } from './ledger-pool.ts';
import { admit, freedBy, lockKeys, LinesGrew, nobody, type Admitted } from './permits.ts';
import type { ResourceWrites } from './resource-writes.ts';
import type { StepPlace } from './sql/advance-steps.ts';
import { claimSteps, type Claimant } from './sql/claim-steps.ts';
import { dropReleased } from './sql/drop-permits.ts';
import { endExecutions } from './sql/end-executions.ts';
import { endSteps, type SucceededStep } from './sql/end-steps.ts';
import { listPlainLines } from './sql/list-lines-of.ts';
import { lockExecutions } from './sql/lock-executions.ts';

/** A step that has succeeded, and the steps behind it: its end may be that of a scope. */
export interface ScopeEnd extends SucceededStep {
  readonly next: readonly number[];
  readonly queue: string;
  /** With what a step that is ready by it, on the same queue, is claimed at once, where that is wanted. */
  readonly nextToken: string | null;
}

/** What the end of a step has led to; what became ready may be a step of another execution, which was let in instead. */
export interface ScopeEnded extends Omit<Advanced, 'released'> {
  readonly continued?: ClaimedStep;
}

/**
 * The completions of many steps that may end scopes, in one transaction of set-based statements: the locks of throttles,
 * executions and steps are taken in their order, once for all of them, whoever comes next is admitted together, and this
 * process goes on with as many of them as have ended here.
 *
 * It takes only what is free and simple, one step of each execution. A token that is missing from the answer was not
 * ended, and nothing of it is written: it is gone, somebody holds its execution, or its end takes more than this knows
 * (holds, resources, rules, a parent).
 */
export async function endScopes(
  pool: LedgerPool,
  writes: ResourceWrites,
  { wanted, claimant }: { readonly wanted: readonly ScopeEnd[]; readonly claimant: Claimant },
): Promise<ReadonlyMap<string, ScopeEnded>> {
  const first = [...Map.groupBy(wanted, ({ executionId }) => executionId).values()].flatMap(([end]) => end ?? []);
  return pool.transaction(async (connection) => {
    const { keys, plain } = await listPlainLines(connection, idsOf(first));
    const simple = first.filter(({ executionId }) => plain.has(executionId));
    if (simple.length === 0) return new Map();
    const locked = await lockKeys(connection, keys);
    const mine = await lockExecutions(connection, idsOf(simple), 'update');
    const owned = simple.filter(({ executionId }) => mine.has(executionId));
    if (owned.length === 0) return new Map();
    const tokens = await endSteps(connection, owned);
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
    const handedOn = dropped.length === 0 ? nobody : await admit(connection, writes, locked, freedBy(dropped));
    return goOn(connection, claimant, { made, advanced, handedOn });
  });
}

interface Made {
  readonly made: readonly ScopeEnd[];
  readonly advanced: ReadonlyMap<string, Advanced>;
  readonly handedOn: Admitted;
}

/** Claims what is ready now for whoever may go on: what stands behind its own step, or whoever was let in instead. */
async function goOn(
  connection: Connection,
  claimant: Claimant,
  { made, advanced, handedOn }: Made,
): Promise<ReadonlyMap<string, ScopeEnded>> {
  // Whose execution is paused or canceled just now goes on, or not, in its own time.
  const isWanted = made.some(({ nextToken }) => nextToken !== null);
  const running = await lockExecutions(connection, isWanted ? idsOf(handedOn.ready) : [], 'share');
  const others = handedOn.ready.filter(({ executionId }) => running.has(executionId));
  const wishes = made.flatMap(({ executionId, queue, nextToken: token }) => {
    if (token === null) return [];
    const own = advanced.get(executionId)?.ready.find((step) => step.queue === queue);
    const at = own === undefined ? others.findIndex((step) => step.queue === queue) : -1;
    const wish = own ?? others[at];
    if (at >= 0) others.splice(at, 1);
    return wish === undefined ? [] : [{ ...wish, token }];
  });
  const claimed = wishes.length === 0 ? new Map<string, ClaimedStep>() : await claimSteps(connection, wishes, claimant);
  const taken = new Set([...claimed.values()].map((step) => placeOf(step)));
  return new Map(
    made.map(({ executionId, token, nextToken }, index) => {
      const { ready, ended, waits } = advanced.get(executionId) ?? nothing;
      const left = [...ready, ...(index === 0 ? handedOn.ready : [])].filter((step) => !taken.has(placeOf(step)));
      const continued = nextToken === null ? undefined : claimed.get(nextToken);
      return [
        token,
        { ready: left, ended, waits: waits || handedOn.more, ...(continued === undefined ? {} : { continued }) },
      ];
    }),
  );
}

const nothing: Advanced = { ready: [], ended: false, released: [], waits: false };

function placeOf({ executionId, position }: StepPlace): string {
  return `${executionId}:${position}`;
}

function idsOf(all: readonly { readonly executionId: string }[]): string[] {
  return all.map(({ executionId }) => executionId);
}
