import { describe, expect, it } from '@jest/globals';
import { type SourceFile, sourceFiles } from './source-files.ts';

const meaningless = /^(utils?|helpers?|commons?|misc|types?|interfaces?|libs?|bases?|managers?|services?|shared)$/;
const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** What is wrong with a file, in words; an empty list when nothing is. */
function faultsOf({ path, text, lines }: SourceFile): string[] {
  const [name = '', ...folders] = path.replace(/\.ts$/, '').split('/').toReversed();
  const stem = name.replace(/\.(test|schema|config)$/, '');
  const limit =
    path.startsWith('src/core/') && path !== 'src/core/error-catalogue.ts' ? 200 : path.startsWith('test/') ? 500 : 400;
  const faults = [
    // test/types holds the tests of types.
    [
      [stem, ...folders].some((part) => meaningless.test(part)) && !path.startsWith('test/types/'),
      'has a name that says nothing',
    ],
    [!kebabCase.test(stem), 'is not in kebab-case'],
    [lines > limit, `has ${lines} lines; the limit is ${limit}`],
    [/\binstanceof Error\b/.test(text), 'says "instanceof Error", which fails across realms; use Error.isError'],
  ] as const;
  return faults.filter(([found]) => found).map(([, fault]) => `${path} ${fault}`);
}

describe('files', () => {
  it('have names that say something, keep to their size, and do not test errors by instanceof', () => {
    const files = sourceFiles('src', 'test', 'examples', 'scripts', 'bench').filter(
      ({ path }) => path !== 'test/architecture/file-names.test.ts',
    );
    expect(files.length).toBeGreaterThan(10);
    expect(files.flatMap(faultsOf)).toEqual([]);
  });

  it.each([
    ['src/core/utils.ts', '', 'says nothing'],
    ['src/helpers/clock.ts', '', 'says nothing'],
    ['src/core/types.ts', '', 'says nothing'],
    ['src/core/ErrorCodes.ts', '', 'kebab-case'],
    ['src/core/long.ts', '\n'.repeat(201), 'limit is 200'],
    ['src/queues/long.ts', '\n'.repeat(401), 'limit is 400'],
    ['src/queues/relay.ts', 'if (e instanceof Error) throw e;\n', 'Error.isError'],
  ])('would refuse %s for what is wrong with it', (path, text, fault) => {
    expect(faultsOf({ path, text, lines: text.split('\n').length - 1 })).toEqual([expect.stringContaining(fault)]);
  });
});
