import { advanceAll, fillGroups } from './advance-steps.ts';
import { chooseAdmitted, type WaitingScope } from './choose-admitted.ts';
import type { Connection } from './connection.ts';
import type { LedgerPool } from './ledger-pool.ts';
import { heldResource } from './hold-key.ts';
import { inLockOrder, type ResourceRef, type ResourceWrites } from './resource-writes.ts';
import type { ReadyStep } from './sql/advance-steps.ts';
import { dropPermits, type DroppedPermit } from './sql/drop-permits.ts';
import { enterScopes } from './sql/enter-scopes.ts';
import { holdPermits } from './sql/hold-permits.ts';
import { listLine } from './sql/list-line.ts';
import { listKeysWithHeads, listPermitKeys } from './sql/list-lines-of.ts';
import { listRoom } from './sql/list-room.ts';
import { listWaitingKeys } from './sql/list-waiting-keys.ts';
import { lockThrottles } from './sql/lock-throttles.ts';
import { refuseScope } from './sql/refuse-scope.ts';
import { takeHolds } from './take-holds.ts';

/**
 * The execution got permits at keys that are not locked: the transaction is to be rolled back and run again, as after a
 * serialisation failure, whose SQLSTATE it bears.
 */
export class LinesGrew extends Error {
  readonly code = '40001';
}

/** What an admission has led to. */
export interface Admitted {
  /** The steps that became ready, of any execution. */
  readonly ready: readonly ReadyStep[];
  /**
   * Whether another round may find somebody: scopes that begin with scopes stand in other lines, not all that may be were
   * looked at, or a line was full, so that whoever came while this transaction was open has passed it over.
   */
  readonly more: boolean;
}

const keysPerRound = 100;
/** After so many a transaction ends, and the next round goes on: others wait for the throttle meanwhile. */
const admittedAtOnce = 100;

/**
 * Locks the lines in which an execution has permits, and those of whoever comes next in them: the first locks of a
 * transaction that may end a scope of it. Answers the locked keys, none for an execution without permits.
 */
export async function lockLines(connection: Connection, executionId: string): Promise<string[]> {
  const mine = await listPermitKeys(connection, executionId);
  if (mine.length === 0) return [];
  return lockKeys(connection, mine);
}

/** Locks the lines of keys, and all lines of whoever stands first in them; answers what is locked. */
export async function lockKeys(connection: Connection, wanted: readonly string[]): Promise<string[]> {
  const keys = await listKeysWithHeads(connection, wanted);
  await lockThrottles(connection, keys);
  return keys;
}

/**
 * To be called once the execution is locked.
 *
 * @returns The resources that it wants to hold or holds.
 * @throws LinesGrew when the execution has permits at keys that are not locked.
 */
export async function checkLines(
  connection: Connection,
  executionId: string,
  locked: readonly string[],
): Promise<ResourceRef[]> {
  const keys = await listPermitKeys(connection, executionId);
  if (keys.some((key) => !locked.includes(key))) throw new LinesGrew('an execution has asked for further permits');
  return keys.flatMap((key) => heldResource(key) ?? []);
}

/**
 * Takes permits of an execution away and hands them on to whoever comes next, in the same transaction. The caller holds
 * the locks of `locked`; whoever wants other keys as well is admitted by the next round of {@link admitWaiting}.
 */
export async function handOn(
  connection: Connection,
  writes: ResourceWrites,
  executionId: string,
  { which, locked }: { readonly which: readonly number[] | 'waiting' | 'all'; readonly locked: readonly string[] },
): Promise<Admitted> {
  const dropped = await dropPermits(connection, executionId, which);
  const held = dropped.flatMap(({ held: isHeld, shared, resource }) =>
    isHeld && !shared && resource !== null ? [resource] : [],
  );
  for (const ref of inLockOrder(held)) {
    await writes.change(connection, ref, { executionId, owner: 'mine', ownerAfter: 'none' });
  }
  return dropped.length === 0 ? nobody : admit(connection, writes, locked, freedBy(dropped));
}

export const nobody: Admitted = { ready: [], more: false };

/** How much room there is again at each key. */
export function freedBy(
  dropped: readonly Pick<DroppedPermit, 'key' | 'held' | 'shared'>[],
): ReadonlyMap<string, number> {
  return countByKey(dropped.filter(({ held }) => held));
}

/** Shared permits take no room. */
function countByKey(permits: readonly Pick<DroppedPermit, 'key' | 'shared'>[]): ReadonlyMap<string, number> {
  const counted = permits.filter(({ shared }) => !shared);
  return new Map([...Map.groupBy(counted, ({ key }) => key)].map(([key, all]) => [key, all.length]));
}

/**
 * Admits whoever may be, in short transactions, one for each line. Any number of processes may call it at once. A line
 * that cannot be moved on keeps no other from it; the first failure is thrown at the end.
 *
 * @param after - The key behind which to begin: a hundred lines are looked at, and the next call goes on behind them.
 * @returns Also whether it should be called again at once.
 */
export async function admitWaiting(
  pool: LedgerPool,
  writes: ResourceWrites,
  after = '',
): Promise<Admitted & { readonly next: string }> {
  const keys = await listWaitingKeys(pool, { after, limit: keysPerRound });
  const ready: ReadyStep[] = [];
  const failures: unknown[] = [];
  let more = false;
  for (const key of keys) {
    const admitted = pool.transaction(async (connection) =>
      admit(connection, writes, await lockKeys(connection, [key])),
    );
    await admitted.then(
      (one) => {
        ready.push(...one.ready);
        more ||= one.more;
      },
      (error: unknown) => {
        failures.push(error);
      },
    );
  }
  if (failures.length > 0) throw failures[0];
  return { ready, more, next: keys.length < keysPerRound ? '' : (keys.at(-1) ?? '') };
}

/**
 * Admits from the lines of locked keys until nobody may be any more. One look is enough, unless a scope was refused, and
 * whoever stands behind it may be next, or scopes begin with scopes, which stand in line now.
 *
 * @param freed - How much room this transaction has made at each key.
 */
export async function admit(
  connection: Connection,
  writes: ResourceWrites,
  locked: readonly string[],
  freed: ReadonlyMap<string, number> = new Map(),
): Promise<Admitted> {
  if (locked.length === 0) return nobody;
  const ready: ReadyStep[] = [];
  let full: readonly string[] | undefined;
  let nested = false;
  for (;;) {
    const room = await listRoom(connection, locked);
    full ??= [...freed].flatMap(([key, count]) => ((room.get(key)?.room ?? 0) <= count ? [key] : []));
    const line = await listLine(connection, room);
    let refused = 0;
    const admitted = await chooseAdmitted(line, room, async (scope) => {
      const taken = await takeHolds(connection, writes, scope);
      if (typeof taken !== 'object') return taken === 'taken';
      refused += 1;
      for (const position of new Set(scope.permits.map((permit) => permit.position))) {
        ready.push(...(await refuseScope(connection, scope.executionId, position, taken.refused)));
      }
      return false;
    });
    const waits = admitted.length > 0 && (await letIn(connection, admitted, ready));
    nested ||= waits;
    const isDone = refused === 0 && !waits;
    if (!isDone && ready.length <= admittedAtOnce) continue;
    const taken = countByKey(admitted.flatMap(({ permits }) => permits));
    const hasRoom = full.some((key) => (room.get(key)?.room ?? 0) > (taken.get(key) ?? 0));
    return { ready, more: nested || !isDone || hasRoom };
  }
}

/** Answers whether further scopes stand in line for it. */
async function letIn(connection: Connection, admitted: readonly WaitingScope[], ready: ReadyStep[]): Promise<boolean> {
  await holdPermits(
    connection,
    admitted.map((scope) => scope.place),
  );
  const places = admitted.flatMap(({ executionId, permits }) =>
    permits.map(({ position }) => ({ executionId, position })),
  );
  const { next, parked } = await enterScopes(connection, places);
  const begun = [...(await advanceAll(connection, next, 'run')).values()];
  ready.push(...begun.flatMap((one) => one.ready));
  for (const executionId of parked) ready.push(...(await fillGroups(connection, executionId)));
  return begun.some(({ waits }) => waits) || parked.length > 0;
}
