import { describe, expect, it } from '@jest/globals';
import { chooseAdmitted } from '../../../src/executions/choose-admitted.ts';
import type { WaitingPermit } from '../../../src/executions/sql/list-line.ts';

/** A line as `place: keys`; a key with a star is shared with an ancestor. */
function line(scopes: Record<string, readonly string[]>): WaitingPermit[] {
  return Object.entries(scopes).flatMap(([place, keys]) =>
    keys.map((key) => ({
      place,
      executionId: `e${place}`,
      position: 0,
      key: key.replace('*', ''),
      shared: key.endsWith('*'),
      resource: null,
    })),
  );
}

async function admitted(
  scopes: Record<string, readonly string[]>,
  room: Record<string, number>,
  refused: readonly string[] = [],
  held = 1,
): Promise<string[]> {
  const taken = async (scope: { place: string }): Promise<boolean> => !refused.includes(scope.place);
  const rooms = new Map(Object.entries(room).map(([key, free]) => [key, { room: free, held }]));
  const chosen = await chooseAdmitted(line(scopes), rooms, taken);
  return chosen.map((scope) => scope.place);
}

describe('who is admitted', () => {
  it('are the first in line, as many as there is room for', async () => {
    expect(await admitted({ 1: ['a'], 2: ['a'], 3: ['a'] }, { a: 2 })).toEqual(['1', '2']);
    expect(await admitted({ 1: ['a'] }, { a: 0 })).toEqual([]);
    expect(await admitted({ 1: ['a'] }, { a: -3 })).toEqual([]);
  });

  it('is nobody behind one that has to wait for another key, although there is room', async () => {
    expect(await admitted({ 1: ['a', 'b'], 2: ['a'], 3: ['c'] }, { a: 5, b: 0, c: 1 })).toEqual(['3']);
  });

  it('is nobody who wants a key that is not locked, nor anybody behind him in his other lines', async () => {
    expect(await admitted({ 1: ['a', 'far'], 2: ['a'], 3: ['b'] }, { a: 1, b: 1 })).toEqual(['3']);
  });

  it('is whoever shares all that he wants, whatever room there is', async () => {
    expect(await admitted({ 1: ['a'], 2: ['a*'] }, { a: 0 })).toEqual(['2']);
    expect(await admitted({ 1: ['a*', 'b'] }, { a: 0, b: 1 })).toEqual(['1']);
  });

  it('is one that wants a key several times only if there is room for all of it, or he is alone with it', async () => {
    const scopes = { 1: ['a', 'a'], 2: ['a'] };
    expect(await admitted(scopes, { a: 1 })).toEqual([]);
    expect(await admitted(scopes, { a: 3 })).toEqual(['1', '2']);
    expect(await admitted(scopes, { a: 1 }, [], 0)).toEqual(['1']);
  });

  it('is not one whose hold is refused, and he holds up those behind him', async () => {
    expect(await admitted({ 1: ['h'], 2: ['h'] }, { h: 1 }, ['1'])).toEqual([]);
  });
});
