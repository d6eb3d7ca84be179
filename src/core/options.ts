import { didYouMean } from './nearest-name.ts';

/** A problem text for each key of `options` that is not in `known`, with the nearest known one. */
export function unknownOptions(options: object, known: readonly string[], subject: string): string[] {
  return Object.keys(options)
    .filter((key) => !known.includes(key))
    .map((key) => `${subject} has the unknown option "${key}"${didYouMean(key, known)}`);
}

const namePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,127}$/;

/** A problem text unless `name` is 1 to 128 letters, digits, dots, dashes and underscores, a letter first. */
export function nameProblems(name: unknown, subject: string): string[] {
  if (typeof name === 'string' && namePattern.test(name)) return [];
  return [`${subject} has the name ${JSON.stringify(name)}; use letters, digits, ".", "-", "_", a letter first`];
}
