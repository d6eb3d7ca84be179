import { readFile } from 'node:fs/promises';
import { ReeveError } from '../../src/index.ts';
import { parseManifest, type ManifestDocument, type Problem } from './manifest-document.ts';
import { manifestFindings } from './manifest-rules.ts';
import { manifestOutline, manifestSchema, wordsFor, type ManifestContent } from './manifest-schema.ts';

export interface Manifest extends ManifestContent {
  readonly file: string;
  /** The line that each database begins on, in the same order. */
  readonly lines: readonly number[];
}

const largestBytes = 1_000_000;

/**
 * The manifest of a file, checked.
 *
 * @throws MANIFEST_INVALID with every problem at once, each as `file:line: what is wrong`.
 */
export async function readManifest(file: string): Promise<Manifest> {
  const { content, problems, lines } = checkedText(await readText(file), file);
  if (content !== undefined && problems.length === 0) return { ...content, file, lines };
  const sorted = problems.toSorted((a, b) => a.line - b.line);
  throw invalid([...new Set(sorted.map(({ line, text }) => `${file}:${line}: ${text}`))]);
}

/** Thousands of brackets within one another are more than the parser can follow. */
function checkedText(text: string, file: string): CheckedManifest {
  try {
    return checkManifest(text);
  } catch (error) {
    if (Error.isError(error) && error.name === 'RangeError')
      throw invalid([`${file}:1: the file is nested too deeply`]);
    throw error;
  }
}

interface CheckedManifest {
  readonly content: ManifestContent | undefined;
  readonly problems: readonly Problem[];
  readonly lines: readonly number[];
}

/** The content of a YAML text, where it can be read, and everything that is wrong with it. */
export function checkManifest(text: string): CheckedManifest {
  const document = parseManifest(text);
  const problems = [...document.problems];
  if (document.value === undefined) return { content: undefined, problems, lines: [] };
  const { data, error } = manifestSchema.safeParse(document.value, { reportInput: true });
  if (error !== undefined) problems.push(...schemaProblems(error, document));
  for (const { path, text: words } of manifestFindings(manifestOutline.parse(document.value))) {
    problems.push({ line: document.lineOf(path), text: words });
  }
  const lines = (data?.databases ?? []).map((_database, index) => document.lineOf(['databases', index]));
  return { content: data, problems, lines };
}

function schemaProblems(
  error: NonNullable<ReturnType<typeof manifestSchema.safeParse>['error']>,
  document: ManifestDocument,
): Problem[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        line: document.lineOfKey(path, key),
        text: wordsFor(issue, undefined, key),
      }));
    }
    return [{ line: document.lineOf(path), text: wordsFor(issue, issue.input) }];
  });
}

async function readText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = Error.isError(error) && 'code' in error ? String(error.code) : '';
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such file',
      EISDIR: 'this is a folder, not a file',
      EACCES: 'the file may not be read',
    };
    throw invalid([`${file}:1: ${reasons[code] ?? `the file cannot be read (${code})`}`]);
  }
  if (bytes.byteLength > largestBytes) throw invalid([`${file}:1: the file is larger than ${largestBytes} bytes`]);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid([`${file}:1: the file is not UTF-8 text`]);
  }
}

function invalid(problems: readonly string[]): ReeveError {
  const list = problems.map((problem) => `\n  ${problem}`).join('');
  return new ReeveError('MANIFEST_INVALID', `The manifest cannot be used:${list}`, { details: { problems } });
}
