import type { CronLiteral } from '../core/cron-literal.ts';
import type { Duration } from '../core/duration.ts';

/** Exactly one way to say when. */
type WhenOptions<Cron extends string = string> =
  | {
      /**
       * Five fields (minute, hour, day of month, month, day of week) or six with seconds first. Names, ranges, lists,
       * steps, `L`, `#`, and `H`: a choice that is always the same for the name of the schedule.
       */
      readonly cron: Cron & CronLiteral<Cron>;
      readonly every?: never;
      readonly at?: never;
    }
  | {
      /** The period, 1 s at least; counted from `starts`, or from when the schedule was made. */
      readonly every: Duration;
      readonly cron?: never;
      readonly at?: never;
    }
  | {
      /** Once, at this time: a Date, or ISO 8601 with an offset or `Z`. */
      readonly at: Date | string;
      readonly cron?: never;
      readonly every?: never;
    };

interface PolicyOptions {
  /** An IANA zone such as `Europe/Tallinn`. Default `UTC`. */
  readonly timeZone?: string;
  /** Nothing is due before. */
  readonly starts?: Date | string;
  /** Nothing is due after. */
  readonly ends?: Date | string;
  /** Each due time is later by up to this much; how much is fixed for the name of the schedule. */
  readonly jitter?: Duration;
  /** After so many executions it never fires again. */
  readonly maxRuns?: number;
  /** A due time that is later than this is missed instead of fired. */
  readonly expire?: Duration;
  /**
   * While an execution of this schedule runs: `skip` the due time (the default), let one wait for the end
   * (`bufferOne`), start another beside it (`allow`), or cancel it and start in its place (`cancelRunning`: as soon as
   * its running steps have ended; of several due times meanwhile the newest).
   */
  readonly overlap?: 'skip' | 'bufferOne' | 'allow' | 'cancelRunning';
  /**
   * Due times that are more than 10 s late because no beat ran: only the `last` one fires (the default), `none`, or all
   * within a window, the newest `limit` of them at most (100).
   */
  readonly catchUp?: 'none' | 'last' | { readonly window: Duration; readonly limit?: number };
  /**
   * A local time that the clock jumps over in spring: left out, or as much later as the clock jumps. Default `shift`,
   * and `skip` for expressions that go through every hour.
   */
  readonly gap?: 'skip' | 'shift';
  /**
   * A local time that comes twice in autumn: due `once`, the first time, or `twice`. Default `once`, and `twice` for
   * expressions that go through every hour.
   */
  readonly fold?: 'once' | 'twice';
}

/** When a schedule is due and what becomes of a due time. */
export type ScheduleOptions<Cron extends string = string> = WhenOptions<Cron> & PolicyOptions;

/** The same as it is stored: JSON, dates as ISO 8601. */
export interface StoredOptions {
  readonly cron?: string;
  readonly every?: Duration;
  readonly at?: string;
  readonly timeZone?: string;
  readonly starts?: string;
  readonly ends?: string;
  readonly jitter?: Duration;
  readonly maxRuns?: number;
  readonly expire?: Duration;
  readonly overlap?: 'skip' | 'bufferOne' | 'allow' | 'cancelRunning';
  readonly catchUp?: 'none' | 'last' | { readonly window: Duration; readonly limit?: number };
  readonly gap?: 'skip' | 'shift';
  readonly fold?: 'once' | 'twice';
}

export const whenNames = ['cron', 'every', 'at'] as const;

export const optionNames = [
  ...whenNames,
  'timeZone',
  'starts',
  'ends',
  'jitter',
  'maxRuns',
  'expire',
  'overlap',
  'catchUp',
  'gap',
  'fold',
] as const;
