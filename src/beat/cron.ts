import { CronExpressionParser, type CronExpression } from 'cron-parser';
import { ReeveError } from '../core/errors.ts';

/**
 * A cron expression as a series of local times.
 *
 * cron-parser computes on a clock without daylight saving (UTC) and knows nothing of zones: its own handling of zones
 * throws near some changes of the clock and accepts zones that do not exist. Which instant a local time is, is decided
 * in `due-times.ts`.
 */
export interface Cron {
  /** The expression with every `H` replaced, so that what is stored does not depend on how a library hashes. */
  readonly expanded: string;
  /** Whether it goes on through every hour of a day; one with chosen hours means those hours of the local clock. */
  readonly everyHour: boolean;
  /** The first local time after `local`, both as if the local clock were UTC; undefined when there is none. */
  next(local: number): number | undefined;
}

const fieldNames = ['second', 'minute', 'hour', 'day of month', 'month', 'day of week'] as const;
const fieldSizes = [60, 60, 24, 31, 12, 7] as const;
const example =
  'write five fields such as "30 3 * * MON-FRI" (minute, hour, day, month, weekday), or six with seconds first';

/**
 * Reads a cron expression strictly: five or six fields, names, ranges, steps, lists, `L`, `#`, and `H` as a stable
 * choice for `seed`, which is the name of the schedule.
 *
 * @throws SCHEDULE_INVALID with what is wrong and what is right.
 */
export function parseCron(text: string, seed: string): Cron {
  const fields = text
    .trim()
    .split(/\s+/)
    .filter((field) => field !== '');
  if (fields.length !== 5 && fields.length !== 6) {
    const what =
      fields.length === 0 ? 'is empty' : `has ${fields.length === 1 ? '1 field' : `${fields.length} fields`}`;
    throw invalid(text, `${what}; ${example}`);
  }
  for (const [index, field] of fields.entries()) checkField(text, field, index + 6 - fields.length);
  const expression = parse(text, fields.join(' '), seed);
  const next = (local: number): number | undefined => {
    expression.reset(new Date(Math.floor(local / 1_000) * 1_000));
    try {
      return expression.next().getTime();
    } catch {
      return undefined;
    }
  };
  if (next(Date.UTC(2024, 0, 1)) === undefined) throw neverFires(text);
  return {
    expanded: expression.stringify(fields.length === 6),
    everyHour: expression.fields.hour.values.length === 24,
    next,
  };
}

function parse(text: string, expression: string, seed: string): CronExpression {
  try {
    return CronExpressionParser.parse(expression, { tz: 'UTC', hashSeed: seed });
  } catch (error) {
    const message = Error.isError(error) ? error.message : String(error);
    if (message.includes('explicit day of month')) throw neverFires(text);
    throw invalid(text, `cannot be read: ${message}; ${example}`);
  }
}

/** What cron-parser lets pass although it can only be a slip. */
function checkField(text: string, field: string, position: number): void {
  const name = fieldNames[position] ?? '';
  const size = fieldSizes[position] ?? 0;
  const [, step] = /\/(\d+)/.exec(field) ?? [];
  if (step !== undefined && (Number(step) < 1 || Number(step) >= size)) {
    throw invalid(text, `has the step ${step} in the field ${name}; use 1 to ${size - 1}, such as "*/5"`);
  }
  if (/\d+W|LW|W/.test(field.replaceAll(/WED/gi, ''))) {
    throw invalid(text, `uses W in the field ${name}, which is not known; name the days, such as "1-5" for weekdays`);
  }
}

function neverFires(text: string): ReeveError {
  return invalid(
    text,
    'never fires: no month that it names has such a day; for the last day of a month write "0 0 L * *"',
  );
}

function invalid(text: string, what: string): ReeveError {
  return new ReeveError('SCHEDULE_INVALID', `the cron expression ${JSON.stringify(text)} ${what}`, {
    details: { cron: text },
  });
}
