import { stripVTControlCharacters, styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** One line of a result, on standard output. */
export function printLine(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** A result as one JSON document; dates become ISO texts. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, process.stdout.isTTY ? 2 : 0)}\n`);
}

/** What people should know beside the result; on standard error, so that it is never part of the result. */
export function notice(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Coloured where standard output is a terminal and neither --no-color nor NO_COLOR forbids it. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** The same for standard error. */
export function styledNotice(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stderr });
}

/** Text of users and of outside systems without what would steer the terminal; lines and tabs stay. */
export function harmless(text: string): string {
  return stripVTControlCharacters(text).replace(/[^\P{Cc}\n\t]/gu, '');
}

/** Harmless text in one line of at most `length` characters. */
export function clip(text: string, length: number): string {
  const line = harmless(text).replace(/\s+/g, ' ').trim();
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
