import type { WaitingPermit } from './sql/list-line.ts';
import type { Room } from './sql/list-room.ts';

/** A scope that waits, with all that it wants; nothing of it is had before everything is. */
export interface WaitingScope {
  readonly place: string;
  readonly executionId: string;
  readonly permits: readonly WaitingPermit[];
}

/**
 * Who is admitted, first come first served: a scope that stands first in all its lines while all its keys have room. One
 * that has to wait holds up everybody behind it in each of its lines, so nobody starves. Keys that are not in `room` are
 * not locked, so nobody who wants one of them is admitted now. Shared keys need no room.
 *
 * @param take - Tries to get what a scope wants besides room (the resources of a hold); a refusal makes it wait.
 */
export async function chooseAdmitted(
  line: readonly WaitingPermit[],
  room: ReadonlyMap<string, Room>,
  take: (scope: WaitingScope) => Promise<boolean>,
): Promise<WaitingScope[]> {
  const left = new Map([...room].map(([key, one]) => [key, one.room]));
  const blocked = new Set<string>();
  const admitted: WaitingScope[] = [];
  for (const [place, permits] of Map.groupBy(line, (permit) => permit.place)) {
    const keys = permits.filter((permit) => !permit.shared).map((permit) => permit.key);
    const scope = { place, executionId: permits[0]?.executionId ?? '', permits };
    const needs = Map.groupBy(keys, (key) => key);
    const isFirst = [...needs].every(([key, wanted]) => {
      const free = left.get(key) ?? 0;
      // Scopes that are asked for again together may want more than the limit: they are admitted when they are alone.
      const isAlone = free > 0 && room.get(key)?.held === 0 && free === room.get(key)?.room;
      return !blocked.has(key) && (free >= wanted.length || isAlone);
    });
    if (isFirst && (await take(scope))) {
      admitted.push(scope);
      for (const key of keys) left.set(key, (left.get(key) ?? 0) - 1);
    } else {
      for (const key of keys) blocked.add(key);
    }
  }
  return admitted;
}
