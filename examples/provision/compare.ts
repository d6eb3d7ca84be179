import { ownerOf, type AskedDatabase } from './manifest-schema.ts';
import type { Reality } from './reality.ts';

/** The row of a database as Reeve left it; undefined when the row is gone. */
export interface LeftRow {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly backendId: string;
  readonly backendRole: string;
  readonly connectionLimit: number;
}

/** What the report says of one database. */
export interface Reported {
  readonly asked: AskedDatabase;
  /** `done`: every operation ended well; `erred`: one failed, and what came after it was not asked for. */
  readonly outcome: 'done' | 'erred';
  readonly row: LeftRow | undefined;
}

/** What the server must hold for the report to be true. */
interface Expected {
  readonly name: string;
  readonly exists: boolean;
  readonly owner: string;
  readonly ownerExists: boolean;
  readonly connectionLimit: number;
  readonly grants: readonly string[];
  /** Names that it had before. */
  readonly formerNames: readonly string[];
}

/** Where report and server differ, in words; an empty list when they agree. */
export function differences(reported: Reported, real: Reality): string[] {
  const found: string[] = [];
  const expected = expectation(reported);
  const { row, asked, outcome } = reported;
  const state = row?.state ?? 'deleted';
  const wantedState = outcome === 'erred' ? 'erred' : isDeleted(asked) ? 'deleted' : 'ok';
  if (state !== wantedState) found.push(`its row is "${state}" and should be "${wantedState}"`);
  for (const name of expected.formerNames) {
    if (real.databases.has(name)) found.push(`a database "${name}" is still there`);
  }
  if (real.roles.has(expected.owner) !== expected.ownerExists) {
    found.push(`the role "${expected.owner}" ${expected.ownerExists ? 'is missing' : 'is still there'}`);
  }
  const there = real.databases.get(expected.name);
  if (there === undefined || !expected.exists) {
    if (there !== undefined) found.push(`a database "${expected.name}" is there and should not be`);
    if (expected.exists) found.push(`there is no database "${expected.name}"`);
    return found;
  }
  if (there.owner !== expected.owner) found.push(`the owner is "${there.owner}" and should be "${expected.owner}"`);
  if (there.connectionLimit !== expected.connectionLimit) {
    found.push(`the connection limit is ${there.connectionLimit} and should be ${expected.connectionLimit}`);
  }
  const missing = expected.grants.filter((grant) => !there.grants.includes(grant));
  if (missing.length > 0) found.push(`these grants are missing: ${missing.join(', ')}`);
  return found;
}

/** The name under which a database is to be found in the end. */
export function finalName({ asked, outcome, row }: Reported): string {
  if (outcome === 'erred') return row === undefined || row.backendId === '' ? asked.name : row.backendId;
  return asked.afterwards.findLast((followUp) => followUp.rename !== undefined)?.rename?.to ?? asked.name;
}

/** After success the manifest is the measure; after a failure it is what Reeve wrote down as done. */
function expectation(reported: Reported): Expected {
  const { asked, outcome, row } = reported;
  const name = finalName(reported);
  const names = [asked.name, ...asked.afterwards.flatMap((followUp) => followUp.rename?.to ?? [])];
  const formerNames = names.filter((former) => former !== name);
  if (outcome === 'erred') {
    return {
      name,
      formerNames,
      exists: row !== undefined && row.backendId !== '',
      owner: row?.role ?? ownerOf(asked),
      ownerExists: row !== undefined && row.backendRole !== '',
      connectionLimit: row?.connectionLimit ?? -1,
      grants: [],
    };
  }
  const resized = asked.afterwards.findLast((followUp) => followUp.resize !== undefined)?.resize?.connectionLimit;
  return {
    name,
    formerNames,
    exists: !isDeleted(asked),
    owner: ownerOf(asked),
    ownerExists: !isDeleted(asked),
    connectionLimit: resized ?? asked.connectionLimit ?? -1,
    grants: asked.grants.flatMap(({ to, privileges }) => privileges.map((privilege) => `${to}: ${privilege}`)),
  };
}

function isDeleted(asked: AskedDatabase): boolean {
  return asked.afterwards.some((followUp) => followUp.delete === true);
}
