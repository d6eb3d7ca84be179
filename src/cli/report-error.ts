import { CommanderError } from 'commander';
import { isReeveError, ReeveError } from '../core/errors.ts';
import { isConnectionError } from '../executions/sql-state.ts';
import { exitCodeOf, exitCodes, UsageError } from './exit-codes.ts';
import { harmless, notice, printJson, styledNotice } from './terminal.ts';

/** An error as people and programs get it. */
interface Report {
  /** A code of the catalogue; `USAGE` for a wrong call, `ERROR` for anything else. */
  readonly code: string;
  readonly message: string;
  readonly next: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly exitCode: number;
}

/**
 * Tells of an error and answers the exit code: on standard error as `error CODE: message` and `next: …`, or with --json
 * as `{"error": {"code", "message", "next", "details"}}` on standard output, where a program waits for the result.
 *
 * @param showStack - Adds the stack, for -l debug.
 */
export function reportError(thrown: unknown, options: { readonly json: boolean; readonly showStack: boolean }): number {
  const { exitCode, ...report } = reportOf(thrown);
  const stack = Error.isError(thrown) && options.showStack ? thrown.stack : undefined;
  if (options.json) {
    printJson({ error: { ...report, ...(stack === undefined ? {} : { stack }) } });
    return exitCode;
  }
  const code = report.code === 'ERROR' || report.code === 'USAGE' ? '' : ` ${report.code}`;
  notice(`${styledNotice(['bold', 'red'], `error${code}:`)} ${harmless(report.message)}`);
  if (report.next !== '') notice(`${styledNotice('bold', 'next:')} ${report.next}`);
  if (stack !== undefined) notice(`\n${harmless(stack)}`);
  return exitCode;
}

function reportOf(thrown: unknown): Report {
  if (thrown instanceof CommanderError) {
    const message = thrown.message.replace(/^error: /, '');
    return { code: 'USAGE', message, next: 'Add --help for usage.', details: {}, exitCode: exitCodes.usage };
  }
  if (thrown instanceof UsageError) {
    const { message, next, details } = thrown;
    return { code: 'USAGE', message, next, details, exitCode: exitCodes.usage };
  }
  const error = unavailable(thrown) ?? thrown;
  if (isReeveError(error)) {
    const { code, message, next, details } = error;
    return { code, message, next: next ?? '', details: details ?? {}, exitCode: exitCodeOf(code) };
  }
  return { code: 'ERROR', message: messageOf(error), next: '', details: {}, exitCode: exitCodes.failure };
}

/** What has no code yet is PostgreSQL's: Redis is asked by `checkBroker` and by the worker alone. */
function unavailable(thrown: unknown): ReeveError | undefined {
  if (isReeveError(thrown) || !isConnectionError(thrown)) return undefined;
  return new ReeveError('LEDGER_UNAVAILABLE', `PostgreSQL does not answer: ${messageOf(thrown)}`, {
    retryable: true,
    cause: thrown,
  });
}

/** Where a name has several addresses Node throws an AggregateError without a message of its own. */
function messageOf(thrown: unknown): string {
  if (!Error.isError(thrown)) return String(thrown);
  if (thrown.message !== '') return thrown.message;
  const errors: unknown = 'errors' in thrown ? thrown.errors : undefined;
  return Array.isArray(errors) && errors.length > 0 ? messageOf(errors[0]) : thrown.name;
}
