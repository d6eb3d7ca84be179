import { errorCatalogue, type ErrorCode } from './error-catalogue.ts';

export type { ErrorCode } from './error-catalogue.ts';

export interface ReeveErrorOptions {
  /** Whether the same call may succeed later; a step that throws it is tried again by its policy. */
  readonly retryable?: boolean;
  /** Facts for programs: ids, states, limits. They are stored and logged, so never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * Every error of Reeve. Tell them apart by `code`: two copies of the package, or two realms, break `instanceof`.
 *
 * The message says what happened and on which object; `next` says what the reader does about it.
 */
export class ReeveError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ReeveErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ReeveError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }

  get next(): string {
    return errorCatalogue[this.code].next;
  }
}

/** Whether `value` is an error of Reeve, and of the given code where one is given; works across realms. */
export function isReeveError(value: unknown, code?: ErrorCode): value is ReeveError {
  if (!Error.isError(value) || !('code' in value) || typeof value.code !== 'string') return false;
  return Object.hasOwn(errorCatalogue, value.code) && (code === undefined || value.code === code);
}

/** A list of problems as one error, so that a reader mends all of them in one go. */
export function problemsError(code: ErrorCode, subject: string, problems: readonly string[]): ReeveError {
  const distinct = [...new Set(problems)];
  const list = distinct.map((problem) => `\n  - ${problem}`).join('');
  return new ReeveError(code, `${subject}:${list}`, { details: { problems: distinct } });
}
