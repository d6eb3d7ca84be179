import { ReeveError, type ReeveErrorOptions } from '../core/errors.ts';

type BackendErrorOptions = Pick<ReeveErrorOptions, 'details' | 'cause'>;

/** The outside system does not answer or is busy: the step is tried again by its policy. */
export function backendUnavailable(message: string, options: BackendErrorOptions = {}): ReeveError {
  return new ReeveError('BACKEND_UNAVAILABLE', message, { ...options, retryable: true });
}

/** The outside system, or the backend before it, refuses the call; the same call is refused again. */
export function backendRejected(message: string, options: BackendErrorOptions = {}): ReeveError {
  return new ReeveError('BACKEND_REJECTED', message, options);
}

/** The object that the call needs is not there. */
export function backendNotFound(message: string, options: BackendErrorOptions = {}): ReeveError {
  return new ReeveError('BACKEND_NOT_FOUND', message, options);
}
