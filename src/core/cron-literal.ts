type Fields<Text extends string, Count extends readonly unknown[] = []> = Text extends ''
  ? Count['length']
  : Text extends `${infer Field} ${infer Rest}`
    ? Fields<Rest, Field extends '' ? Count : [...Count, Field]>
    : [...Count, Text]['length'];

/**
 * The type of a cron expression that is written down: itself where it has five or six fields, otherwise a text that
 * says how many it has, so that the compiler's message does. A text that is only known at run time is let through, and
 * checked then.
 */
export type CronLiteral<Text extends string> = string extends Text
  ? string
  : Fields<Text> extends 5 | 6
    ? Text
    : `a cron expression has 5 or 6 fields, this one has ${Fields<Text>}`;
