import { z } from 'zod';
import { didYouMean } from '../../src/core/nearest-name.ts';
import type { Path } from './manifest-document.ts';

const longestList = 1_000;
const connectionLimit = z.int().min(1).max(1_000_000);

const grant = z.strictObject({
  to: z.string(),
  privileges: z.array(z.enum(['CONNECT', 'CREATE', 'TEMPORARY'])).min(1),
});

/** One operation after the creation; exactly one of the keys is set, which the rules see to. */
const followUp = z.strictObject({
  resize: z.strictObject({ connectionLimit }).exactOptional(),
  rename: z.strictObject({ to: z.string() }).exactOptional(),
  delete: z.literal(true).exactOptional(),
});

const database = z.strictObject({
  name: z.string(),
  owner: z.string().exactOptional(),
  template: z.string().min(1).exactOptional(),
  connectionLimit: connectionLimit.exactOptional(),
  grants: z.array(grant).default([]),
  afterwards: z.array(followUp).default([]),
  expect: z.enum(['ok', 'erred']).default('ok'),
});

export const manifestSchema = z.strictObject({
  server: z.strictObject({
    name: z.string().min(1),
    adminUrlFrom: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
  }),
  databases: z.array(database).min(1).max(longestList),
});

export type ManifestContent = z.infer<typeof manifestSchema>;
export type AskedDatabase = ManifestContent['databases'][number];
export type FollowUp = AskedDatabase['afterwards'][number];

const word = z.string().optional().catch(undefined);
const listOf = <T extends z.ZodType>(item: T) => z.array(item.nullable().catch(null)).catch([]).default([]);

/** As much of a manifest as can be made out, so that names are compared even where something else is wrong. */
export const manifestOutline = z
  .object({
    databases: listOf(
      z.object({
        name: word,
        owner: word,
        grants: listOf(z.object({ to: word })),
        afterwards: listOf(z.looseObject({ rename: z.object({ to: word }).optional().catch(undefined) })),
      }),
    ),
  })
  .catch({ databases: [] });

export type ManifestOutline = z.infer<typeof manifestOutline>;

/** The owner role that a manifest asks for. */
export function ownerOf(asked: AskedDatabase): string {
  return asked.owner ?? asked.name;
}

type Issue = z.core.$ZodIssue;

/** What an issue of zod means to the writer of a manifest; the keys are those that `unrecognized_keys` is about. */
export function wordsFor(issue: Issue, value: unknown, key?: string): string {
  const where = nameOf(issue.path);
  if (key !== undefined) return `${where} has the unknown key "${key}"${didYouMean(key, knownKeys(issue.path))}`;
  if (issue.path.at(-1) === 'adminUrlFrom' && typeof value === 'string') {
    return `${where} is not the name of an environment variable, such as DATABASE_URL; never write the URL itself here`;
  }
  if (value === undefined) return `${where} is missing; ${wanted(issue)}`;
  return `${where} is ${shown(value)}; ${wanted(issue)}`;
}

function wanted(issue: Issue): string {
  if (issue.path.at(-1) === 'connectionLimit') {
    return 'write a whole number from 1 to 1000000, or leave it out for no limit';
  }
  if (issue.code === 'invalid_value') return `write ${issue.values.map((value) => String(value)).join(' or ')}`;
  if (issue.code === 'too_small')
    return issue.origin === 'array' ? 'list at least one' : 'write a text that is not empty';
  if (issue.code === 'too_big') return `list at most ${longestList}`;
  if (issue.code !== 'invalid_type') return issue.message;
  if (issue.expected === 'string') return 'write a text, in quotes where YAML would read it as something else';
  if (issue.expected === 'array') return 'write a list, each item after "- "';
  return 'write keys with values, one a line';
}

/** `databases[2].afterwards[0].resize`, as a path; the whole manifest has a name of its own. */
export function nameOf(path: Path | Issue['path']): string {
  const name = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return name === '' ? 'the manifest' : name.replace(/^\./, '');
}

function shown(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'object' ? 'a map' : JSON.stringify(value).slice(0, 80);
}

function knownKeys(path: Issue['path']): readonly string[] {
  const last = path.findLast((part) => typeof part === 'string');
  if (last === 'server') return Object.keys(manifestSchema.shape.server.shape);
  if (last === 'databases') return Object.keys(database.shape);
  if (last === 'grants') return Object.keys(grant.shape);
  if (last === 'afterwards') return Object.keys(followUp.shape);
  if (last === 'resize') return ['connectionLimit'];
  if (last === 'rename') return ['to'];
  return Object.keys(manifestSchema.shape);
}
