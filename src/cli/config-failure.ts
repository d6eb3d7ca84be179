import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isReeveError, ReeveError } from '../core/errors.ts';
import { storeError } from '../core/stored-error.ts';
import { isConnectionError } from '../executions/sql-state.ts';
import { shown } from './shown-path.ts';
import { syntaxProblem, type LoadedFiles } from './transform-decorators.ts';

/** The sources of Reeve itself, whose lines say nothing to its users. */
const ownFolder = path.dirname(import.meta.dirname) + path.sep;

/**
 * What went wrong while a config was loaded, as an error that names the file and the line of the user's.
 * A server that does not answer is not the config's fault and stays what it is.
 */
export function configFailure(config: string, thrown: unknown, loaded: LoadedFiles): unknown {
  if (isConnectionError(thrown)) return thrown;
  const place = placeOf(thrown, loaded);
  const message = Error.isError(thrown) ? thrown.message : storeError(thrown).message;
  if (isReeveError(thrown)) {
    const { code, details } = thrown;
    return new ReeveError(code, `${message}${place === '' ? '' : `\n${place}`}`, { details, cause: thrown });
  }
  const text = `${shown(config)} cannot be loaded: ${message}${place === '' ? '' : `\n${place}`}`;
  return new ReeveError('CONFIGURATION_INVALID', text, { details: { config }, cause: thrown });
}

function placeOf(thrown: unknown, loaded: LoadedFiles): string {
  if (!Error.isError(thrown)) return '';
  const stack = thrown.stack ?? '';
  return headOf(stack) ?? importOf(thrown.message) ?? frameOf(stack) ?? syntaxOf(thrown, loaded) ?? '';
}

/** Node puts file, line and a picture of the place before the stack of most syntax errors. */
function headOf(stack: string): string | undefined {
  const match = /^(file:\/\/.+?|(?:\/|[A-Za-z]:\\).+?):(\d+)\n([\s\S]*?)\n\s*\n?\w*Error\b/.exec(stack);
  if (match === null) return undefined;
  return `at ${shown(toPath(match[1] ?? ''))}:${match[2]}\n${match[3] ?? ''}`.trimEnd();
}

/** For a module that is not there Node names the file that wants it, but not the line. */
function importOf(message: string): string | undefined {
  const match = /^Cannot find (?:module|package) '(.+?)'.* imported from (.+)$/m.exec(message);
  if (match === null) return undefined;
  const file = toPath(match[2] ?? '');
  const wanted = path.basename(match[1] ?? '');
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    const line = lines.findIndex((text) => text.includes(wanted));
    return line === -1 ? `at ${shown(file)}` : `at ${shown(file)}:${line + 1}`;
  } catch {
    return undefined;
  }
}

/** The first line of the stack that is neither Reeve's, nor Node's, nor a package's. */
function frameOf(stack: string): string | undefined {
  for (const line of stack.split('\n')) {
    const match = /^\s+at (?:async |.*\()?(file:\/\/.+?|(?:\/|[A-Za-z]:\\).+?):(\d+):\d+\)?$/.exec(line);
    if (match === null) continue;
    const file = toPath(match[1] ?? '');
    if (!file.startsWith(ownFolder) && !file.includes('/node_modules/')) return `at ${shown(file)}:${match[2]}`;
  }
  return undefined;
}

function syntaxOf(thrown: Error, loaded: LoadedFiles): string | undefined {
  if (thrown.name !== 'SyntaxError') return undefined;
  for (const file of loaded.files.toReversed()) {
    const problem = syntaxProblem(file);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function toPath(place: string): string {
  return place.startsWith('file:') ? fileURLToPath(place) : place;
}
