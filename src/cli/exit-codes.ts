import type { ErrorCode } from '../core/error-catalogue.ts';

/** How a command ends. 69 and 75 are the numbers that sysexits.h gives to these cases. */
export const exitCodes = { ok: 0, failure: 1, usage: 2, notFound: 3, unavailable: 69, tryLater: 75 } as const;

const byErrorCode: Readonly<Partial<Record<ErrorCode, number>>> = {
  QUEUE_UNKNOWN: exitCodes.usage,
  EXECUTION_NOT_FOUND: exitCodes.notFound,
  SCHEDULE_UNKNOWN: exitCodes.notFound,
  SCHEDULE_INVALID: exitCodes.usage,
  RESOURCE_NOT_FOUND: exitCodes.notFound,
  LEAK_NOT_FOUND: exitCodes.notFound,
  THROTTLE_UNKNOWN: exitCodes.notFound,
  INPUT_INVALID: exitCodes.usage,
  LEDGER_UNAVAILABLE: exitCodes.unavailable,
  BROKER_UNAVAILABLE: exitCodes.unavailable,
  BUSY: exitCodes.tryLater,
  RESULT_TIMEOUT: exitCodes.tryLater,
};

/** The exit code for an error of Reeve. */
export function exitCodeOf(code: ErrorCode): number {
  return byErrorCode[code] ?? exitCodes.failure;
}

/** The command was called wrongly. It is no error of the catalogue, since only people at a terminal see it. */
export class UsageError extends Error {
  /** What the reader does about it. */
  readonly next: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, next: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = 'UsageError';
    this.next = next;
    this.details = details;
  }
}
