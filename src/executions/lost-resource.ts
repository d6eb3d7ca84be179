import { ReeveError } from '../core/errors.ts';
import { storeError, type StoredError } from '../core/stored-error.ts';
import type { ResourceRef } from './resource-writes.ts';

/** The failure of a completion that found the row of its resource edited or deleted by hand. */
export function lostResource(ref: ResourceRef): StoredError {
  return storeError(
    new ReeveError(
      'RESOURCE_LOST',
      `${ref.type} ${ref.id} was changed or deleted by hand while this execution owned it; nothing was overwritten`,
    ),
  );
}
