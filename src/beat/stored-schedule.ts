import type { JsonValue } from '../core/json.ts';
import type { ScheduleRow } from '../executions/sql/schedule-row.ts';
import { parseRules, type ScheduleRules } from './schedule-rules.ts';
import { whenNames, type StoredOptions } from './schedule-options.ts';
import { mergedOptions } from './stored-options.ts';

/** What somebody says of a schedule: code in its `code`, an operator in its `override`. */
export interface Said {
  readonly options: Readonly<Record<string, JsonValue>>;
  /** Absent where it is not said. */
  readonly input?: JsonValue;
}

/** The columns that follow from what code and operator say: the operator's word counts. */
export interface Effective {
  readonly timing: JsonValue;
  readonly time_zone: string;
  readonly policies: JsonValue;
  readonly input: JsonValue;
  readonly rules: ScheduleRules;
}

/** @throws SCHEDULE_INVALID with all problems */
export function effectiveSchedule(name: string, code: Said | null, override: Said, createdAt: Date): Effective {
  const options = mergedOptions(code?.options ?? {}, override.options);
  const rules = parseRules(name, options, createdAt.getTime());
  const when = whenNames.filter((key) => options[key] !== undefined).map((key) => [key, options[key]]);
  const { expanded } = rules;
  const isPolicy = (key: string): boolean => key !== 'timeZone' && !(whenNames as readonly string[]).includes(key);
  return {
    timing: { ...Object.fromEntries(when), ...(expanded === undefined ? {} : { expanded }) } as JsonValue,
    time_zone: rules.zone.name,
    policies: Object.fromEntries(Object.entries(options).filter(([key]) => isPolicy(key))) as JsonValue,
    input: override.input ?? code?.input ?? null,
    rules,
  };
}

/** When it is due, as its column has it: what was said, and the form of `cron` that is computed with. */
type TimingColumn = Pick<StoredOptions, (typeof whenNames)[number]> & { readonly expanded?: string };

/** The options that count, as the columns have them. */
export function optionsOf(row: ScheduleRow): StoredOptions {
  const { expanded: _expanded, ...timing } = row.timing as TimingColumn;
  return {
    ...timing,
    ...(row.policies as StoredOptions),
    timeZone: row.time_zone,
  };
}

/** @throws SCHEDULE_INVALID where a row was edited by hand, or this system does not know its zone. */
export function rulesOf(row: ScheduleRow): ScheduleRules {
  return parseRules(row.name, optionsOf(row), row.created_at.getTime(), expandedOf(row) ?? undefined);
}

/** The cron expression of a row with every `H` replaced; null without one. */
export function expandedOf(row: ScheduleRow): string | null {
  return (row.timing as TimingColumn).expanded ?? null;
}

/** What was said, as a row keeps it. */
export function saidJson(said: Said): JsonValue {
  return { options: said.options, ...(said.input === undefined ? {} : { input: said.input }) };
}

/** @returns nothing said where the column is empty */
export function saidOf(json: JsonValue): Said {
  const said = json as Partial<Said> | null;
  return { options: said?.options ?? {}, ...(said?.input === undefined ? {} : { input: said.input }) };
}
