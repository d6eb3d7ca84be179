/** Writes docs/errors.md from the error catalogue; with `--check` it only tells whether the page is up to date. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { errorCatalogue } from '../src/core/error-catalogue.ts';

const path = fileURLToPath(new URL('../docs/errors.md', import.meta.url));

const page = [
  '<!-- Written by `npm run docs:errors` from src/core/error-catalogue.ts; edit that table. -->',
  '# Error codes',
  'Every error of Reeve has a stable `code`. Codes are never renamed.',
  ...Object.entries(errorCatalogue).flatMap(([code, { meaning, next }]) => [
    `## ${code}`,
    meaning,
    `**What to do:** ${next}`,
  ]),
].join('\n\n');

const text = await format(page, { ...(await resolveConfig(path)), filepath: path });

if (!process.argv.includes('--check')) {
  await writeFile(path, text);
  console.log('docs/errors.md is written');
} else if ((await readFile(path, 'utf8').catch(() => '')) !== text) {
  console.error('docs/errors.md is out of date; run `npm run docs:errors`');
  process.exitCode = 1;
} else {
  console.log('docs/errors.md is up to date');
}
