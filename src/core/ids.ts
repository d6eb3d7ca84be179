import { createHash, randomUUID } from 'node:crypto';
import { v7 } from 'uuid';
import { canonicalJson, type JsonValue } from './json.ts';

/** A UUIDv7: sorts by the time it was made, so that new rows land at one end of an index. */
export function newId(): string {
  return v7();
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whatever it is: an array with one id in it is written like one. */
export function isUuid(text: unknown): boolean {
  return typeof text === 'string' && uuidPattern.test(text);
}

/** The first 32 hexadecimal digits of the SHA-256 of a value's canonical JSON. */
export function hashJson(value: JsonValue): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 32);
}

/** A token that nobody can guess: who holds it holds the step. */
export function newClaimToken(): string {
  return randomUUID();
}
