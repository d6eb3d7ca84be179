/** Five characters with a digit among them: "EPIPE" and its like are codes of the operating system. */
const sqlStatePattern = /^(?=.*\d)[0-9A-Z]{5}$/;

/** The SQLSTATE of what a driver threw, or undefined: TypeORM hides it in `driverError`. */
export function sqlState(error: unknown): string | undefined {
  if (error === null || typeof error !== 'object') return undefined;
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && sqlStatePattern.test(code)) return code;
  return 'driverError' in error ? sqlState(error.driverError) : undefined;
}

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
/**
 * The last but one is TypeORM's, for a statement of a transaction whose connection was lost between two statements; the
 * last one the driver's, for an answer that never came: the server ends its own statements long before.
 */
const lostConnection =
  /connection terminated|connection ended|timeout exceeded when trying to connect|not queryable|query runner already released|query read timeout/i;

/** Whether the connection failed, so that nothing is known of the statement that was under way. */
export function isConnectionError(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return state.startsWith('08') || ['57P01', '57P02', '57P03'].includes(state);
  if (!Error.isError(error)) return false;
  const code: unknown = 'code' in error ? error.code : undefined;
  return (typeof code === 'string' && networkCodes.has(code)) || lostConnection.test(error.message);
}

/**
 * Whether the database refused what was written, so that writing it again is refused again: bad data, constraints,
 * unknown columns, errors that triggers raise. Everything else that carries a SQLSTATE (no room, no connection left, a
 * timeout, a failover) passes.
 */
export function isRefusal(error: unknown): boolean {
  return refusingClasses.has(sqlState(error)?.slice(0, 2) ?? '');
}

const refusingClasses = new Set(['22', '23', '42', '44', 'P0']);

/** Whether the transaction lost against another one and has only to be run again: serialisation, deadlock, lock timeout. */
export function isConflictError(error: unknown): boolean {
  return ['40001', '40P01', '55P03'].includes(sqlState(error) ?? '');
}

/** Whether a value cannot be one of its column at all (no UUID, a NUL in it, too large a number): no row has it. */
export function isImpossibleValue(error: unknown): boolean {
  return ['22P02', '22021', '22003'].includes(sqlState(error) ?? '');
}
