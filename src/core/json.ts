import { ReeveError, type ErrorCode } from './errors.ts';

type JsonPrimitive = string | number | boolean | null;
export type JsonValue = JsonPrimitive | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * `T` where it survives JSON, and `never` in the place that does not (Date, Map, bigint, function, symbol).
 * An optional field may be `undefined`: it is left out.
 */
export type Jsonable<T> = unknown extends T ? JsonValue : JsonableKnown<T>;

type JsonableKnown<T> = T extends JsonPrimitive | undefined
  ? T
  : T extends bigint | symbol | ((...args: never[]) => unknown) | Date | Map<unknown, unknown> | Set<unknown> | RegExp
    ? never
    : T extends readonly unknown[]
      ? { readonly [K in keyof T]: Jsonable<T[K]> }
      : T extends object
        ? { readonly [K in keyof T]: Jsonable<T[K]> }
        : never;

export interface JsonLimits {
  /** Largest size in bytes of UTF-8, as stored. Default 256 KiB. */
  readonly payloadBytes: number;
  /** Deepest nesting. Default 64. */
  readonly payloadDepth: number;
}

export const JSON_LIMITS: JsonLimits = Object.freeze({ payloadBytes: 256 * 1024, payloadDepth: 64 });

const refusedKeys = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * A deep copy of `value` that PostgreSQL can store as jsonb, or a refusal that names the path.
 *
 * Refused: what JSON would drop or change silently (functions, Date, Map, class instances, NaN, bigint, undefined
 * in arrays), keys that pollute prototypes, NUL and lone surrogates (jsonb cannot hold them), cycles, and what is
 * deeper or larger than the limits. A property with the value `undefined` is left out, as JSON does.
 *
 * @throws PAYLOAD_NOT_JSON or PAYLOAD_TOO_LARGE.
 */
export function toJson(
  value: unknown,
  subject: string,
  limits: JsonLimits = JSON_LIMITS,
  code: ErrorCode = 'PAYLOAD_NOT_JSON',
): JsonValue {
  const copier = new Copier(subject, limits, code);
  return copier.copy(value === undefined ? null : value, '', 1);
}

class Copier {
  readonly #subject: string;
  readonly #limits: JsonLimits;
  readonly #code: ErrorCode;
  readonly #open = new Set<object>();
  #bytes = 0;

  constructor(subject: string, limits: JsonLimits, code: ErrorCode) {
    this.#subject = subject;
    this.#limits = limits;
    this.#code = code;
  }

  copy(value: unknown, path: string, depth: number): JsonValue {
    if (depth > this.#limits.payloadDepth) {
      throw this.#tooLarge(`is nested deeper than ${this.#limits.payloadDepth} levels at ${this.#at(path)}`);
    }
    if (value === null || typeof value === 'boolean') return this.#count(value, 5);
    if (typeof value === 'string') return this.#count(this.#text(value, path), Buffer.byteLength(value) + 2);
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) throw this.#refuse(path, `is ${value}`);
      return this.#count(value === 0 ? 0 : value, 8);
    }
    if (typeof value !== 'object') throw this.#refuse(path, `is a ${typeof value}`);
    if (this.#open.has(value)) throw this.#refuse(path, 'refers back to itself');
    this.#open.add(value);
    const copied = Array.isArray(value) ? this.#array(value, path, depth) : this.#object(value, path, depth);
    this.#open.delete(value);
    return copied;
  }

  #array(value: readonly unknown[], path: string, depth: number): JsonValue {
    this.#count(null, 2);
    return Array.from(value, (item, index) => this.copy(item, `${path}[${index}]`, depth + 1));
  }

  #object(value: object, path: string, depth: number): JsonValue {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      throw this.#refuse(path, `is a ${value.constructor?.name ?? 'class instance'}`);
    }
    const copied: Record<string, JsonValue> = {};
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue;
      const itemPath = path === '' ? key : `${path}.${key}`;
      if (refusedKeys.has(key)) throw this.#refuse(itemPath, 'is a reserved key');
      this.#count(null, Buffer.byteLength(this.#text(key, itemPath)) + 4);
      copied[key] = this.copy(item, itemPath, depth + 1);
    }
    return copied;
  }

  #text(text: string, path: string): string {
    if (text.includes('\u0000')) throw this.#refuse(path, 'contains a NUL character');
    if (!text.isWellFormed()) throw this.#refuse(path, 'contains a lone surrogate');
    return text;
  }

  #count<T>(value: T, bytes: number): T {
    this.#bytes += bytes;
    if (this.#bytes > this.#limits.payloadBytes) {
      throw this.#tooLarge(`is larger than ${this.#limits.payloadBytes} bytes`);
    }
    return value;
  }

  #at(path: string): string {
    return path === '' ? 'its top' : `"${path.length > 120 ? `${path.slice(0, 120)}…` : path}"`;
  }

  #refuse(path: string, what: string): ReeveError {
    const place = path === '' ? '' : ` at ${this.#at(path)}`;
    return new ReeveError(this.#code, `${this.#subject} is not plain JSON: the value${place} ${what}`, {
      details: { path },
    });
  }

  #tooLarge(what: string): ReeveError {
    const code = this.#code === 'PAYLOAD_NOT_JSON' ? 'PAYLOAD_TOO_LARGE' : this.#code;
    return new ReeveError(code, `${this.#subject} ${what}`, { details: { ...this.#limits } });
  }
}

/** JSON with sorted keys, so that equal values have equal texts. */
export function canonicalJson(value: JsonValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) text += `${text === '' ? '' : ','}${canonicalJson(item)}`;
    return `[${text}]`;
  }
  const object = value as Record<string, JsonValue>;
  for (const key of Object.keys(object).toSorted()) {
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(object[key] as JsonValue)}`;
  }
  return `{${text}}`;
}
