import { statSync } from 'node:fs';
import path from 'node:path';
import { UsageError } from './exit-codes.ts';

const defaultNames = ['reeve.config.ts', 'reeve.config.js', 'reeve.config.mjs'];

/**
 * The absolute path of the app's config: what `-A` or REEVE_APP names (a file, or a folder with one of the default
 * names in it), else one of the default names in the current folder. It is not read here.
 *
 * @throws UsageError with the paths that were looked for.
 */
export function findConfig(app: string | undefined): string {
  const fromEnvironment = process.env['REEVE_APP'] === '' ? undefined : process.env['REEVE_APP'];
  const asked = app ?? fromEnvironment;
  const candidates = candidatesFor(asked);
  const found = candidates.find((candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile() === true);
  if (found !== undefined) return found;
  const source = app === undefined ? 'REEVE_APP' : '-A';
  const subject = asked === undefined ? 'there is no config here' : `${source} names ${asked}, which has no config`;
  throw new UsageError(
    `${subject}; looked for:${candidates.map((candidate) => `\n  - ${candidate}`).join('')}`,
    'Name the file whose default export is your `defineReeve({…})` with -A, or run the command in its folder.',
    { candidates },
  );
}

function candidatesFor(asked: string | undefined): string[] {
  const folder = path.resolve(asked ?? '.');
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return isFolder ? defaultNames.map((name) => path.join(folder, name)) : [folder];
}
