import { isReeveError } from '../../src/index.ts';
import { checkName } from '../../src/backends/postgres/names.ts';
import { didYouMean } from '../../src/core/nearest-name.ts';
import type { Path } from './manifest-document.ts';
import type { ManifestOutline } from './manifest-schema.ts';

type OutlinedFollowUp = NonNullable<ManifestOutline['databases'][number]>['afterwards'][number];

export interface Finding {
  readonly path: Path;
  readonly text: string;
}

/** The database that the demo keeps its own tables and the ledger in. */
export const ownDatabase = 'reeve_demo';

/** What no schema of single values can say: names that PostgreSQL takes, and that fit one another. */
export function manifestFindings({ databases }: ManifestOutline): Finding[] {
  const names = new Taken('database');
  const owners = new Taken('owner role');
  return databases.flatMap((database, index) => {
    if (database === null) return [];
    const path: Path = ['databases', index];
    const { name, owner } = database;
    const ownerPath = [...path, owner === undefined ? 'name' : 'owner'];
    const ownersAbove = owners.names();
    const clashes = names.take(name, [...path, 'name']);
    return [
      ...nameFindings('database', name, [...path, 'name']),
      ...nameFindings('role', owner, ownerPath),
      ...clashes,
      ...(owner === undefined && clashes.length > 0 ? [] : owners.take(owner ?? name, ownerPath)),
      ...database.grants.flatMap((grant, place) =>
        grant?.to === undefined || ownersAbove.includes(grant.to)
          ? []
          : [grantFinding(grant.to, ownersAbove, owner ?? name, [...path, 'grants', place, 'to'])],
      ),
      ...followUpFindings(database.afterwards, path, names),
    ];
  });
}

function followUpFindings(followUps: readonly OutlinedFollowUp[], path: Path, names: Taken): Finding[] {
  const end = followUps.findIndex((followUp) => followUp !== null && 'delete' in followUp);
  return followUps.flatMap((followUp, place) => {
    if (followUp === null) return [];
    const here: Path = [...path, 'afterwards', place];
    const keys = Object.keys(followUp);
    const findings: Finding[] = [];
    if (keys.length !== 1) {
      const text =
        keys.length === 0 ? 'this item names nothing to do' : `this item names ${keys.join(' and ')} at once`;
      findings.push({ path: here, text: `${text}; write one of resize, rename, delete in each item of "afterwards"` });
    }
    if (end !== -1 && place > end && keys.length > 0) {
      findings.push({ path: here, text: `"${keys.join(', ')}" comes after the deletion; nothing can follow that` });
    }
    const to: Path = [...here, 'rename', 'to'];
    return [...findings, ...nameFindings('database', followUp.rename?.to, to), ...names.take(followUp.rename?.to, to)];
  });
}

function grantFinding(to: string, above: readonly string[], own: string | undefined, path: Path): Finding {
  const text =
    to === own
      ? `the role "${to}" owns this database and needs no grant`
      : `grants go to the owner of a database further up, and "${to}" is none${didYouMean(to, above)}`;
  return { path, text };
}

function nameFindings(kind: 'role' | 'database', name: string | undefined, path: Path): Finding[] {
  if (name === undefined) return [];
  if (kind === 'database' && name === ownDatabase) {
    return [{ path, text: `database name "${name}" is what the demo itself uses; choose another name` }];
  }
  try {
    checkName(kind, name);
    return [];
  } catch (error) {
    if (isReeveError(error)) return [{ path, text: error.message }];
    throw error;
  }
}

/** Names that are used once. */
class Taken {
  readonly #kind: string;
  readonly #byName = new Map<string, Path>();

  constructor(kind: string) {
    this.#kind = kind;
  }

  names(): string[] {
    return [...this.#byName.keys()];
  }

  take(name: string | undefined, path: Path): Finding[] {
    if (name === undefined || name === '') return [];
    const first = this.#byName.get(name);
    if (first === undefined) {
      this.#byName.set(name, path);
      return [];
    }
    return [{ path, text: `the ${this.#kind} "${name}" is named twice, first in databases[${String(first[1])}]` }];
  }
}
