/** Where the offset of a zone changes: at `at` the local clock jumps from `before` to `after`, in milliseconds to UTC. */
interface OffsetChange {
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** A stretch of time with one offset: from `start` (inclusive) to `end` (exclusive). */
export interface OffsetSpan {
  readonly start: number;
  readonly end: number;
  readonly offset: number;
  /** The offset before `start`. */
  readonly before: number;
}

const dayMs = 86_400_000;
/** Shorter than any two changes of a zone lie apart: Morocco's Ramadan is the shortest, with a month. */
const stepMs = 7 * dayMs;

/** A time zone of the IANA database, with the changes of its offset as `Intl` knows them; each year is looked up once. */
export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #years = new Map<number, readonly OffsetChange[]>();

  constructor(name: string) {
    this.name = name;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** The stretch around an instant; it reaches no further than about a year, even where the offset never changes. */
  spanAt(instant: number): OffsetSpan {
    const year = new Date(instant).getUTCFullYear();
    const changes = [year - 1, year, year + 1].flatMap((each) => this.#changesIn(each));
    const next = changes.find(({ at }) => at > instant);
    const last = changes.findLast(({ at }) => at <= instant);
    const end = next?.at ?? Date.UTC(year + 2, 0, 1);
    if (last !== undefined) return { start: last.at, end, offset: last.after, before: last.before };
    const offset = next?.before ?? this.offsetAt(instant);
    return { start: Date.UTC(year - 1, 0, 1), end, offset, before: offset };
  }

  /** What the local clock shows at an instant, less the instant. */
  offsetAt(instant: number): number {
    const whole = Math.floor(instant / 1_000) * 1_000;
    const parts: Partial<Record<string, number>> = {};
    for (const { type, value } of this.#format.formatToParts(whole)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - whole;
  }

  #changesIn(year: number): readonly OffsetChange[] {
    const known = this.#years.get(year);
    if (known !== undefined) return known;
    const changes: OffsetChange[] = [];
    const end = Date.UTC(year + 1, 0, 1);
    let from = Date.UTC(year, 0, 1);
    let before = this.offsetAt(from - 1_000);
    // The first step looks at the first second of the year alone.
    for (let to = from; ; from = to, to = Math.min(to + stepMs, end - 1_000)) {
      const after = this.offsetAt(to);
      if (after !== before) changes.push({ at: this.#find(from - 1_000, to, before), before, after });
      before = after;
      if (to === end - 1_000) break;
    }
    this.#years.set(year, changes);
    return changes;
  }

  /** The first second in (from, to] at which the offset is no longer `before`. */
  #find(from: number, to: number, before: number): number {
    let [low, high] = [from / 1_000, to / 1_000];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.offsetAt(middle * 1_000) === before) low = middle;
      else high = middle;
    }
    return high * 1_000;
  }
}

const zones = new Map<string, Zone>();

/** The zone of that name; undefined for one that this system does not know. */
export function findZone(name: string): Zone | undefined {
  const known = zones.get(name);
  if (known !== undefined) return known;
  try {
    const zone = new Zone(name);
    zones.set(name, zone);
    return zone;
  } catch {
    return undefined;
  }
}

/** The names of zones that this system lists, for advice. */
export function zoneNames(): readonly string[] {
  return ['UTC', ...Intl.supportedValuesOf('timeZone')];
}
