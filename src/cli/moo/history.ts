import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Beside the embedded database, in the folder of the project. */
const file = path.join('.reeve', 'moo-history');

/** The newest line first, as readline has it; nothing where it cannot be read. */
export function readHistory(): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}

/** A history that cannot be kept is no reason to stop. */
export function writeHistory(lines: readonly string[]): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, lines.join('\n'));
  } catch {
    return;
  }
}
