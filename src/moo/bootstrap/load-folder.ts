import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { VerbRuntime } from '../runtime.ts';
import { compileVerb } from '../world/compile-verb.ts';
import { systemId } from '../world/rows.ts';
import { objectIdOf } from '../world/values.ts';
import { userError } from '../world/verb-error.ts';
import { parseVerbFile, type VerbFile } from '../world/verb-files.ts';
import { parseVerbNames } from '../world/verb-names.ts';
import { checkedSpecs, insertVerb, readVerbSource, updateVerb } from '../world/write-verbs.ts';
import { World } from '../world/world.ts';

/** What became of the verb files of a folder, by their paths. */
export interface LoadReport {
  readonly added: readonly string[];
  readonly updated: readonly string[];
  readonly unchanged: readonly string[];
}

/**
 * Loads the `.js` and `.ts` files below a folder whose first line is `#!moo verb …`, in one transaction. A verb is known
 * again by its object and first name; its owner and rules stay.
 *
 * @throws VerbError that names the file; nothing is loaded then.
 */
export async function loadVerbFolder(runtime: VerbRuntime, folder: string): Promise<LoadReport> {
  const files = await verbFiles(folder);
  const transaction = await runtime.pool.begin();
  try {
    const world = new World(transaction.connection);
    const report = { added: [] as string[], updated: [] as string[], unchanged: [] as string[] };
    for (const { file, verb } of files) {
      const outcome = await loadOne(world, file, verb, runtime.options.limits.sourceBytes).catch((error: unknown) => {
        throw Error.isError(error) ? userError(`${file}: ${error.message}`) : error;
      });
      report[outcome].push(file);
    }
    await transaction.commit();
    return report;
  } finally {
    await transaction.end();
  }
}

async function verbFiles(folder: string): Promise<{ file: string; verb: VerbFile }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && /\.(js|ts)$/.test(entry.name))
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .toSorted();
  const verbs: { file: string; verb: VerbFile }[] = [];
  for (const file of files) {
    const text = await readFile(path.join(folder, file), 'utf8');
    if (text.startsWith('#!moo')) verbs.push({ file, verb: parseVerbFile(text, file) });
  }
  return verbs;
}

async function loadOne(
  world: World,
  file: string,
  { header, source }: VerbFile,
  sourceBytes: number,
): Promise<'added' | 'updated' | 'unchanged'> {
  const on = await objectOf(world, header.on);
  const names = parseVerbNames(header.names);
  const specs = checkedSpecs(header.dobj, header.iobj);
  const compiled = compileVerb(source, sourceBytes);
  const known = (await world.alongChain([on], names[0]?.name ?? '')).find((verb) => verb.originId === on);
  if (known === undefined) {
    const owner = objectIdOf((await world.member(systemId, 'wizard_player')).property?.value);
    await insertVerb(world, { on, owner: owner ?? null, names, source, compiled, ...specs, file });
    return 'added';
  }
  const stored = await readVerbSource(world, known.id);
  const listed = names.map(({ name, prefix }) => (prefix ? `${name}*` : name));
  const isSame =
    stored.source === source &&
    stored.file === file &&
    JSON.stringify([known.names, known.dobj, known.iobj]) === JSON.stringify([listed, specs.dobj, specs.iobj]);
  if (isSame) return 'unchanged';
  await updateVerb(world, known.id, { source, compiled, names, ...specs, file });
  return 'updated';
}

/** `$room` is a property of the system object, `$` itself; also `#12` and a unique name. */
async function objectOf(world: World, text: string): Promise<number> {
  if (text === '$') return systemId;
  if (text.startsWith('$')) {
    const id = objectIdOf((await world.member(systemId, text.slice(1))).property?.value);
    if (id !== undefined) return id;
  }
  if (/^#\d+$/.test(text)) return (await world.object(Number(text.slice(1)))).id;
  const { rows } = await world.connection.query<{ id: number }>(
    `SELECT id FROM ${world.schema}.moo_object WHERE lower(name) = lower($1) LIMIT 2`,
    [text],
  );
  if (rows.length === 1 && rows[0] !== undefined) return rows[0].id;
  throw userError(`there is no object "${text}", or several`);
}
