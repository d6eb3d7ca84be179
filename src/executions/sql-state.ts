/** The SQLSTATE of what a driver threw, or undefined: TypeORM hides it in `driverError`. */
export function sqlState(error: unknown): string | undefined {
  if (error === null || typeof error !== 'object') return undefined;
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code;
  return 'driverError' in error ? sqlState(error.driverError) : undefined;
}

const networkCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);
const lostConnection = /connection terminated|connection ended|timeout exceeded when trying to connect|not queryable/i;

/** Whether the connection failed, so that nothing is known of the statement that was under way. */
export function isConnectionError(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return state.startsWith('08') || ['57P01', '57P02', '57P03'].includes(state);
  if (!Error.isError(error)) return false;
  const code: unknown = 'code' in error ? error.code : undefined;
  return (typeof code === 'string' && networkCodes.has(code)) || lostConnection.test(error.message);
}

/** Whether the transaction lost against another one and has only to be run again: serialisation, deadlock, lock timeout. */
export function isConflictError(error: unknown): boolean {
  return ['40001', '40P01', '55P03'].includes(sqlState(error) ?? '');
}
