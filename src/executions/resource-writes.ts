import type { JsonValue } from '../core/json.ts';
import type { StoredError } from '../core/stored-error.ts';
import type { Transition } from '../core/state-machine.ts';
import type { Connection } from './connection.ts';

export interface ResourceRef {
  readonly type: string;
  readonly id: string;
}

export interface ResourceChange {
  readonly executionId: string;
  readonly transition?: Transition;
  /**
   * `free`: nobody may own the row; `mine`: only this execution may; `any`: nobody or this execution; another: only that
   * one may, an ancestor that lends what it holds.
   */
  readonly owner: 'free' | 'mine' | 'any' | { readonly executionId: string };
  /** Who owns the row afterwards; left out: no change. */
  readonly ownerAfter?: 'mine' | 'none' | { readonly executionId: string };
  readonly runtimeState?: string;
  readonly action?: string;
  readonly actionDetails?: JsonValue;
  /** `null` clears message and traceback. */
  readonly error?: StoredError | null;
  readonly fields?: Readonly<Record<string, JsonValue>>;
}

export interface ResourceSnapshot {
  readonly state: string;
  readonly executionId: string | null;
}

/**
 * What the ledger needs of the rows of resources, which belong to the user: compare-and-set changes inside a
 * transaction of the ledger's. `resources` implements it and hands it in.
 */
export interface ResourceWrites {
  /** Locks the rows that exist, in the given order. */
  lock(connection: Connection, refs: readonly ResourceRef[]): Promise<void>;
  /** Whether the row was in a state, and of an owner, that allowed the change; if not, nothing is written. */
  change(connection: Connection, ref: ResourceRef, change: ResourceChange): Promise<boolean>;
  /** Makes this execution the owner of a row that nobody owns, without waiting for anybody's lock. */
  hold(connection: Connection, ref: ResourceRef, executionId: string): Promise<'held' | 'busy' | 'missing'>;
  /** Deletes the row if this execution owns it; whether it did. */
  remove(connection: Connection, ref: ResourceRef, executionId: string): Promise<boolean>;
  find(connection: Connection, ref: ResourceRef): Promise<ResourceSnapshot | undefined>;
}

/** Resources sorted as every transaction locks them: by type, then by id. */
export function inLockOrder<Ref extends ResourceRef>(refs: readonly Ref[]): Ref[] {
  const key = (ref: ResourceRef): string => `${ref.type}\u0000${ref.id}`;
  return refs.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}
