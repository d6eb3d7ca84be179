import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { userError } from './verb-error.ts';

/** What the first line of a verb file says: `#!moo verb NAMES --on OBJECT [--dspec any] [--ispec on:this,in:any]`. */
interface VerbHeader {
  readonly names: string;
  /** `$name` for a property of the system object, `#id`, or a unique name. */
  readonly on: string;
  readonly dobj: string;
  readonly iobj: Readonly<Record<string, string>>;
}

export interface VerbFile {
  readonly header: VerbHeader;
  /** The whole text, with the first line as a comment, so that lines keep their numbers. */
  readonly source: string;
}

/** @throws UserError when the file is outside the folder, missing, or has no header. */
export async function readVerbFile(folder: string, file: string): Promise<VerbFile> {
  const root = await realpath(folder);
  const full = await realpath(path.join(root, file)).catch(() => undefined);
  if (full === undefined || !full.startsWith(root + path.sep)) throw userError(`There is no verb file "${file}".`);
  return parseVerbFile(await readFile(full, 'utf8'), file);
}

export function parseVerbFile(text: string, file: string): VerbFile {
  const [first = '', ...rest] = text.split('\n');
  const header = /^#!moo\s+verb\s+(.+?)\s+--on\s+("[^"]+"|\S+)(.*)$/.exec(first);
  if (header === null) throw userError(`${file} does not begin with "#!moo verb NAMES --on OBJECT".`);
  const [, names = '', on = '', options = ''] = header;
  const dspec = /--dspec\s+(\S+)/.exec(options)?.[1] ?? 'none';
  const ispecs = [...options.matchAll(/--ispec\s+(\S+)/g)].flatMap(([, specs = '']) => specs.split(','));
  const iobj = Object.fromEntries(
    ispecs.map((each) => {
      const [preposition = '', spec = 'any'] = each.split(':');
      return [preposition.replaceAll('_', ' '), spec] as const;
    }),
  );
  return {
    header: { names, on: on.replaceAll('"', ''), dobj: dspec, iobj },
    source: ['//' + first, ...rest].join('\n'),
  };
}
