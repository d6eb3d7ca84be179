import { backendRejected } from '../backend-error.ts';

const maxNameBytes = 63;
const maxConnectionLimit = 1_000_000;
const reserved = {
  role: new Set(['postgres', 'public', 'none']),
  database: new Set(['postgres', 'template0', 'template1']),
} as const;

/**
 * Refuses a name that PostgreSQL would cut off or that belongs to the server itself. Every other name is allowed,
 * quotes and semicolons included: statements quote it.
 *
 * @throws BACKEND_REJECTED and says what to change.
 */
export function checkName(kind: 'role' | 'database', name: string): void {
  const problem = syntaxProblem(name);
  if (problem !== undefined) throw backendRejected(`${kind} name ${JSON.stringify(name)} ${problem}`);
  if (name.startsWith('pg_'))
    throw backendRejected(
      `${kind} name "${name}" begins with "pg_", which PostgreSQL keeps for itself; choose another name`,
    );
  if (reserved[kind].has(name)) throw backendRejected(`${kind} name "${name}" is reserved; choose another name`);
}

/** As `checkName`, for the name of something that Reeve only reads. */
export function checkTemplateName(name: string): void {
  const problem = syntaxProblem(name);
  if (problem !== undefined) throw backendRejected(`template name ${JSON.stringify(name)} ${problem}`);
}

/** The limit to send: -1 is no limit, which is also meant by none given. */
export function checkedConnectionLimit(limit: number | null | undefined): number {
  const value = limit ?? -1;
  if (!Number.isInteger(value) || value < -1 || value > maxConnectionLimit) {
    throw backendRejected(
      `connection limit ${String(limit)} is not a whole number from -1 (no limit) to ${maxConnectionLimit}`,
    );
  }
  return value;
}

function syntaxProblem(name: string): string | undefined {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0) return 'is empty; give it a name';
  if (bytes > maxNameBytes) return `has ${bytes} bytes; shorten it to ${maxNameBytes} bytes of UTF-8`;
  if (!name.isWellFormed()) return 'is not valid Unicode; choose another name';
  if (/\p{Cc}/u.test(name)) return 'has control characters; remove them';
  return undefined;
}
