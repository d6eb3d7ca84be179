import { isReeveError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { WaitingScope } from './choose-admitted.ts';
import type { Connection } from './connection.ts';
import { inLockOrder, type ResourceRef, type ResourceWrites } from './resource-writes.ts';
import { isRefusal } from './sql-state.ts';
import { listAncestors } from './sql/list-ancestors.ts';
import { listWantedHolds } from './sql/list-wanted-holds.ts';

/** Whether a scope has what it wants besides room: it has it, it has to wait, or it can never have it. */
export type Taken =
  'taken' | 'busy' | { readonly refused: { readonly code: string; readonly message: string } & JsonValue };

const furthest = 50;

/** Takes the resources of a scope's holds, all or none, without waiting for anybody's lock. */
export async function takeHolds(connection: Connection, writes: ResourceWrites, scope: WaitingScope): Promise<Taken> {
  const { executionId } = scope;
  const refs: ResourceRef[] = scope.permits.flatMap(({ resource, shared }) =>
    resource === null || shared ? [] : [resource],
  );
  const taken: ResourceRef[] = [];
  for (const ref of inLockOrder(refs)) {
    const answer = await tryHold(connection, writes, ref, executionId);
    if (answer === 'held') {
      taken.push(ref);
      continue;
    }
    for (const other of taken) {
      await writes.change(connection, other, { executionId, owner: 'mine', ownerAfter: 'none' });
    }
    if (answer === 'missing') {
      return refusal('RESOURCE_NOT_FOUND', `${ref.type} ${ref.id} does not exist, so it cannot be held`);
    }
    const others = await circleOf(connection, writes, scope, ref);
    if (others === undefined) return 'busy';
    const message = `${ref.type} ${ref.id} is held by an operation that waits, by way of ${others.join(' and ')}, for what this one holds`;
    return refusal('HOLD_CIRCLE', message);
  }
  return 'taken';
}

function refusal(code: string, message: string): Taken {
  return { refused: { code, message } };
}

/**
 * The resources by way of which the owner of `ref` waits for this scope's own execution, where it does and this scope
 * came last of them: it gives way, the others go on.
 */
async function circleOf(
  connection: Connection,
  writes: ResourceWrites,
  scope: WaitingScope,
  ref: ResourceRef,
): Promise<string[] | undefined> {
  const mine = new Set([scope.executionId, ...(await listAncestors(connection, scope.executionId))]);
  const seen = new Set<string>();
  const open: { readonly ref: ResourceRef; readonly way: readonly string[]; readonly latest: bigint }[] = [
    { ref, way: [], latest: 0n },
  ];
  for (let looked = 0; looked < furthest; looked += 1) {
    const next = open.shift();
    if (next === undefined) return undefined;
    const owner = (await writes.find(connection, next.ref))?.executionId ?? null;
    if (owner === null || seen.has(owner)) continue;
    if (mine.has(owner) && next.way.length === 0) return ['this operation itself'];
    if (mine.has(owner)) {
      if (BigInt(scope.place) >= next.latest) return [...next.way];
      continue;
    }
    seen.add(owner);
    for (const wanted of await listWantedHolds(connection, owner)) {
      const place = BigInt(wanted.place);
      const way = [...next.way, `${wanted.resource.type} ${wanted.resource.id}`];
      open.push({ ref: wanted.resource, way, latest: place > next.latest ? place : next.latest });
    }
  }
  return undefined;
}

/** What the database refuses to look for (an id that is none) is not there; a type that this build does not know has to wait. */
async function tryHold(
  connection: Connection,
  writes: ResourceWrites,
  ref: ResourceRef,
  executionId: string,
): Promise<'held' | 'busy' | 'missing'> {
  await connection.query('SAVEPOINT reeve_hold');
  try {
    const answer = await writes.hold(connection, ref, executionId);
    await connection.query('RELEASE SAVEPOINT reeve_hold');
    return answer;
  } catch (error) {
    if (!isRefusal(error) && !isReeveError(error)) throw error;
    await connection.query('ROLLBACK TO SAVEPOINT reeve_hold');
    return isReeveError(error) ? 'busy' : 'missing';
  }
}
