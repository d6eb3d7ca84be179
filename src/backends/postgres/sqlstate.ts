import { isReeveError, type ReeveError } from '../../core/errors.ts';
import { backendRejected, backendUnavailable } from '../backend-error.ts';

const busyClasses = new Set(['08', '53']);
const busyStates = new Set(['57P01', '57P02', '57P03', '40001', '40P01', '55006', '55P03']);
const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** What pg throws without a code: connect timeout, query timeout, a connection that broke during a query. */
const lostConnection =
  /^(timeout expired|Query read timeout|Connection terminated|Client has encountered a connection error)/;

/**
 * An error of pg as an error of the backend; any other value comes back as it is.
 *
 * Only the message, the detail and the SQLSTATE are taken over (`details.sqlState`): a pg error may be tied to the
 * client with its password.
 *
 * @param attempted - What was being done: `creating database "x"`.
 * @param where - `host:port`.
 */
export function asBackendError(error: unknown, attempted: string, where: string): unknown {
  if (!Error.isError(error) || isReeveError(error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const isServerError = code !== undefined && 'severity' in error;
  if (!isServerError && !networkCodes.has(code ?? '') && !lostConnection.test(error.message)) {
    return error.message.startsWith('SASL') ? rejected(error.message) : error;
  }
  // The error of a host with several addresses has an empty message.
  const reason = error.message === '' ? String(code) : error.message;
  if (!isServerError || isBusy(code, error.message)) {
    return backendUnavailable(`${attempted} on ${where}: ${reason}`, { details: facts() });
  }
  const detail =
    'detail' in error && typeof error.detail === 'string' ? `; ${error.detail.replaceAll('\n', ', ')}` : '';
  return rejected(reason + detail);

  function rejected(text: string): ReeveError {
    return backendRejected(`${attempted} on ${where}: ${text}`, { details: facts() });
  }
  function facts(): Record<string, unknown> {
    return { attempted, server: where, ...(code === undefined ? {} : { sqlState: code }) };
  }
}

/** The SQLSTATE that the server gave for an error made by `asBackendError`. */
export function sqlStateOf(error: unknown): string | undefined {
  const state = isReeveError(error) ? error.details['sqlState'] : undefined;
  return typeof state === 'string' ? state : undefined;
}

function isBusy(code: string, message: string): boolean {
  // Two sessions that change the same catalogue row at once get an internal error, and the second may try again.
  const changedAtOnce = code === 'XX000' && message.includes('tuple concurrently');
  return changedAtOnce || busyStates.has(code) || busyClasses.has(code.slice(0, 2));
}
