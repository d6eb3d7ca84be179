import { errorCatalogue, type ErrorCode } from '../../src/index.ts';
import { differences, finalName, type LeftRow } from './compare.ts';
import type { Manifest } from './manifest.ts';
import type { AskedDatabase, FollowUp } from './manifest-schema.ts';
import type { LoginCheck, Reality } from './reality.ts';

export interface DatabaseReport {
  readonly name: string;
  readonly asked: readonly string[];
  readonly happened: readonly string[];
  /** `done`: every operation ended well; `erred`: one failed. */
  readonly outcome: 'done' | 'erred';
  /** What the manifest expects of it. */
  readonly expected: 'ok' | 'erred';
  /** The state of its row; `deleted` when the row is gone. */
  readonly state: string;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly next: string;
    readonly at: string;
  } | null;
  readonly executions: readonly string[];
  readonly real: {
    readonly name: string;
    readonly exists: boolean;
    readonly owner: string | null;
    /** -1 is no limit. */
    readonly connectionLimit: number | null;
  };
  readonly agrees: boolean;
  readonly differences: readonly string[];
}

export interface DemoReport {
  readonly manifest: string;
  readonly server: 'embedded' | 'given';
  readonly broker: 'postgres' | 'redis';
  readonly workers: readonly { readonly queue: string; readonly pid: number }[];
  readonly databases: readonly DatabaseReport[];
  readonly login: LoginCheck | null;
  /** How many databases the background task of Reeve saw on the server. */
  readonly pulledDatabases: number;
  readonly totals: Readonly<Record<'databases' | 'done' | 'erred' | 'agreeing' | 'operations', number>>;
  readonly durationsMs: Readonly<Record<'server' | 'workers' | 'provision' | 'check' | 'total', number>>;
  readonly kept: string | null;
  readonly verdict: { readonly ok: boolean; readonly exitCode: 0 | 1; readonly problems: readonly string[] };
}

/** One operation, as far as a report tells of it. */
export interface ReportedOperation {
  readonly executionId: string;
  readonly done: string;
  readonly state?: string;
  readonly error?: { readonly code: string; readonly message: string };
}

export interface Ended {
  readonly asked: AskedDatabase;
  readonly operations: readonly ReportedOperation[];
  readonly row: LeftRow | undefined;
}

/** What was asked for one database, what happened, and what the server has. */
export function databaseReport(ended: Ended, place: string, real: Reality, words: Words): DatabaseReport {
  const { asked, operations, row } = ended;
  const failed = operations.find((operation) => operation.state !== 'succeeded');
  const outcome = failed === undefined ? 'done' : 'erred';
  const reported = { asked, outcome, row } as const;
  const name = finalName(reported);
  const there = real.databases.get(name);
  const found = differences(reported, real);
  return {
    name: asked.name,
    asked: [words.creation(asked), ...asked.afterwards.map((followUp) => words.followUp(followUp))],
    happened: operations.map((operation) => (operation === failed ? 'erred' : operation.done)),
    outcome,
    expected: asked.expect,
    state: row?.state ?? 'deleted',
    error: failed === undefined ? null : { ...errorOf(failed), at: place },
    executions: operations.map(({ executionId }) => executionId),
    real: {
      name,
      exists: there !== undefined,
      owner: there?.owner ?? null,
      connectionLimit: there?.connectionLimit ?? null,
    },
    agrees: found.length === 0,
    differences: found,
  };
}

interface Words {
  creation(asked: AskedDatabase): string;
  followUp(followUp: FollowUp): string;
}

function errorOf({ state, error }: ReportedOperation): { code: string; message: string; next: string } {
  const code = error?.code ?? 'TASK_FAILED';
  const isKnown = Object.hasOwn(errorCatalogue, code);
  return {
    code,
    message: error?.message ?? `it ended ${state ?? 'without an answer'}`,
    next: isKnown ? errorCatalogue[code as ErrorCode].next : '',
  };
}

/** Everything that keeps the exit code from being 0, in words. */
export function verdictOf(databases: readonly DatabaseReport[], login: LoginCheck | null): DemoReport['verdict'] {
  const problems = databases.flatMap((database) => [
    ...database.differences.map((difference) => `${database.name}: ${difference}`),
    ...(database.outcome === 'erred' && database.expected === 'ok' ? [`${database.name}: erred unexpectedly`] : []),
    ...(database.outcome === 'done' && database.expected === 'erred'
      ? [`${database.name}: the manifest expects it to err, and it did not`]
      : []),
  ]);
  if (login !== null && !login.ok) {
    problems.push(`the role ${login.role} cannot log in to ${login.database} with its password (${login.error})`);
  }
  return { ok: problems.length === 0, exitCode: problems.length === 0 ? 0 : 1, problems };
}

export function totalsOf(databases: readonly DatabaseReport[]): DemoReport['totals'] {
  const done = databases.filter(({ outcome }) => outcome === 'done').length;
  return {
    databases: databases.length,
    done,
    erred: databases.length - done,
    agreeing: databases.filter(({ agrees }) => agrees).length,
    operations: databases.reduce((sum, { executions }) => sum + executions.length, 0),
  };
}

/** `file:line` of a database in the manifest. */
export function placeOf(manifest: Manifest, index: number): string {
  return `${manifest.file}:${manifest.lines[index] ?? 1}`;
}
