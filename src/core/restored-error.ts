import { errorCatalogue, type ErrorCode } from './error-catalogue.ts';
import { ReeveError } from './errors.ts';
import type { StoredError } from './stored-error.ts';

/** What a stored error was, as far as `storeError` reads it: storing it again gives the same. */
export function restoredError({ code, message, traceback, retryable, permanent }: StoredError): ReeveError {
  const known = Object.hasOwn(errorCatalogue, code) ? (code as ErrorCode) : 'TASK_FAILED';
  const error = new ReeveError(known, message);
  Object.defineProperty(error, 'stack', { value: traceback, configurable: true, writable: true });
  // Neither passing nor lasting is neither true nor false.
  Object.defineProperty(error, 'retryable', { value: retryable ? true : permanent ? false : undefined });
  return error;
}
