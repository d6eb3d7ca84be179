import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { errorCatalogue } from '../../src/core/error-catalogue.ts';
import { root, sourceFiles } from './source-files.ts';

const codes = Object.keys(errorCatalogue);

describe('the error catalogue', () => {
  it('has no code that the sources never use', () => {
    const sources = sourceFiles('src', 'examples')
      .filter(({ path }) => path !== 'src/core/error-catalogue.ts')
      .map(({ text }) => text)
      .join('\n');
    expect(codes.filter((code) => !new RegExp(`['"\`]${code}['"\`]`).test(sources))).toEqual([]);
  });

  it('documents each code in docs/errors.md', () => {
    const headings = readFileSync(`${root}/docs/errors.md`, 'utf8').match(/^## .*$/gm);
    expect(headings).toEqual(codes.map((code) => `## ${code}`));
  });

  it('is what docs/errors.md was written from', async () => {
    const check = promisify(execFile)(process.execPath, ['scripts/write-error-docs.ts', '--check'], { cwd: root });
    await expect(check).resolves.toMatchObject({ stdout: 'docs/errors.md is up to date\n' });
  });

  it('says for each code what it means and what to do, in sentences', () => {
    const sentence = /^[A-Z].*\.$/;
    const bad = Object.entries(errorCatalogue).filter(
      ([code, { meaning, next }]) =>
        !/^[A-Z]+(_[A-Z]+)*$/.test(code) || !sentence.test(meaning) || !sentence.test(next),
    );
    expect(bad).toEqual([]);
  });
});
