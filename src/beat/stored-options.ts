import { toJson, type JsonValue } from '../core/json.ts';
import { whenNames, type StoredOptions } from './schedule-options.ts';

/** Options as they are stored: times as ISO 8601, nothing that is undefined. */
export function storedOptions(name: string, options: object): StoredOptions {
  const entries = Object.entries(options as Record<string, unknown>)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, isDate(value) ? isoText(value) : value]);
  return toJson(Object.fromEntries(entries), `The options of schedule "${name}"`) as StoredOptions;
}

/** `base` as `changes` say; a change of one of cron, every and at takes the place of the others, null takes back. */
export function mergedOptions(base: StoredOptions, changes: Readonly<Record<string, JsonValue>>): StoredOptions {
  const changesWhen = whenNames.some((key) => changes[key] !== undefined && changes[key] !== null);
  const kept = Object.entries(base).filter(([key]) => !changesWhen || !(whenNames as readonly string[]).includes(key));
  const merged = { ...Object.fromEntries(kept), ...changes };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null)) as StoredOptions;
}

function isDate(value: unknown): value is Date {
  return Object.prototype.toString.call(value) === '[object Date]';
}

/** An invalid date stays visible as what it is, and is refused where it is read. */
function isoText(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'Invalid Date' : date.toISOString();
}
