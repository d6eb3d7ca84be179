import { isReeveError } from './errors.ts';
import type { JsonValue } from './json.ts';

/** An error as the ledger keeps it: always storable, whatever was thrown. */
export interface StoredError {
  readonly code: string;
  readonly message: string;
  readonly traceback: string;
  /** Marked as passing: it is tried again even without a retry policy. */
  readonly retryable: boolean;
  /** Marked as lasting: it is not tried again, whatever the retry policy says. */
  readonly permanent: boolean;
}

/** A stored error as a JSON value. */
export function errorJson(error: StoredError): JsonValue {
  const { code, message, traceback, retryable, permanent } = error;
  return { code, message, traceback, retryable, permanent };
}

const maxMessageLength = 8_192;
const maxTracebackLength = 16_384;
const maxCauses = 5;

/**
 * Text that PostgreSQL can hold: NUL and lone surrogates become U+FFFD, and the end is cut at `maxLength`.
 * A failure that cannot be stored would make the ledger repeat the work for ever.
 */
export function storableText(value: unknown, maxLength: number): string {
  let text: string;
  try {
    text = typeof value === 'string' ? value : String(value);
  } catch {
    text = 'a value that cannot be shown as text';
  }
  const cut = text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
  return cut.replaceAll('\u0000', '\uFFFD').toWellFormed();
}

/**
 * What was thrown, as a row can hold it. Reads every property guarded: a getter that throws, a cyclic chain of
 * causes or a message of megabytes never makes the failure itself fail.
 */
export function storeError(thrown: unknown, fallbackCode = 'TASK_FAILED'): StoredError {
  const message = storableText(readMessage(thrown), maxMessageLength);
  return {
    code: storableText(isReeveError(thrown) ? thrown.code : fallbackCode, 64),
    message: message === '' ? 'an error without a message' : message,
    traceback: storableText(readTraceback(thrown), maxTracebackLength),
    retryable: read(thrown, 'retryable') === true,
    permanent: read(thrown, 'retryable') === false,
  };
}

function readMessage(thrown: unknown): unknown {
  if (thrown === null || typeof thrown !== 'object') return thrown;
  const message = read(thrown, 'message');
  const name = read(thrown, 'name');
  if (typeof message === 'string' && message !== '') return message;
  return typeof name === 'string' ? name : 'an object without a message was thrown';
}

function readTraceback(thrown: unknown): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  let current = thrown;
  while (current !== undefined && current !== null && !seen.has(current) && parts.length < maxCauses) {
    seen.add(current);
    const stack = read(current, 'stack');
    const text = storableText(typeof stack === 'string' ? stack : readMessage(current), maxTracebackLength);
    parts.push(parts.length === 0 ? text : `Caused by: ${text}`);
    current = read(current, 'cause');
  }
  return parts.join('\n');
}

function read(target: unknown, key: string): unknown {
  if (target === null || typeof target !== 'object') return undefined;
  try {
    return (target as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
