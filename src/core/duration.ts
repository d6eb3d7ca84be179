import { ReeveError } from './errors.ts';

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

type Unit = keyof typeof unitMs;

/** A length of time such as `'500ms'`, `'2s'`, `'1.5m'`, `'12h'` or `'7d'`; a number is milliseconds. */
export type Duration = `${number}${Unit}` | number;

const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** The longest duration that is accepted: ten years. A longer one is almost always a slip of units. */
const maxDurationMs = 3_650 * unitMs.d;

/**
 * The duration in whole milliseconds.
 *
 * @param name - What the duration is for, for the error message.
 * @throws CONFIGURATION_INVALID for anything that is not a duration between 0 and ten years.
 */
export function durationMs(duration: Duration, name = 'duration'): number {
  const ms = typeof duration === 'number' ? duration : parse(duration);
  if (ms === undefined || !Number.isFinite(ms) || ms < 0 || ms > maxDurationMs) {
    throw new ReeveError(
      'CONFIGURATION_INVALID',
      `${name} is ${JSON.stringify(duration) ?? String(duration)}; write a number of milliseconds or a text such as "30s", "5m", "2h", from 0 to 3650d`,
    );
  }
  return Math.round(ms);
}

function parse(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined;
  const match = pattern.exec(text);
  return match === null ? undefined : Number(match[1]) * unitMs[match[2] as Unit];
}

/** A duration for people: `850 ms`, `3.2 s`, `4 m 10 s`, `2 h 5 m`. */
export function formatMs(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} m ${Math.round((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
}
