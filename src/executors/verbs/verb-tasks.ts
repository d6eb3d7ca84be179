import { ReeveError } from '../../core/errors.ts';
import type { CodeMode, CodeResult } from '../../moo/tasks/run-code.ts';
import type { CommandResult } from '../../moo/tasks/run-command.ts';
import type { VerbInvocation } from '../../moo/tasks/scheduling.ts';
import type { MooValue } from '../../moo/world/values.ts';
import { defineTask, type TaskDefinition, type TaskOptions } from '../../tasks/define-task.ts';
import type { Schema } from '../../tasks/standard-schema.ts';

type Check = (value: unknown) => boolean;

const isId: Check = (value) => typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 2 ** 31;
const isText: Check = (value) => typeof value === 'string';
const isName: Check = (value) => typeof value === 'string' && value !== '' && value.length <= 255;
const isRecord: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);

/** A plain object with exactly these fields; a missing or surplus one is a problem with its name. */
function fields<T>(checks: Readonly<Record<keyof T & string, Check>>, optional: readonly string[] = []): Schema<T, T> {
  return {
    '~standard': {
      version: 1,
      vendor: 'reeve',
      validate(value) {
        if (!isRecord(value)) return { issues: [{ message: 'must be an object' }] };
        const given = value as Record<string, unknown>;
        const surplus = Object.keys(given).filter((key) => !Object.hasOwn(checks, key));
        const wrong = Object.entries<Check>(checks).filter(
          ([key, check]) => !(optional.includes(key) && given[key] === undefined) && !check(given[key]),
        );
        const issues = [
          ...surplus.map((key) => ({ message: 'is not known', path: [key] })),
          ...wrong.map(([key]) => ({ message: 'is missing or of the wrong kind', path: [key] })),
        ];
        return issues.length > 0 ? { issues } : { value: value as T };
      },
    },
  };
}

/** A command that a player typed. `caller` is the id of his avatar. */
export interface CommandInput {
  readonly caller: number;
  readonly line: string;
}

/** Code that somebody runs: statements, of which `return` gives the value (`exec`, the default), or an expression (`eval`). */
export interface CodeInput {
  readonly caller: number;
  readonly source: string;
  readonly mode?: CodeMode;
}

/** What is asked of `invokeVerb` from outside the world; the rest is filled in. */
export interface InvokeInput {
  readonly caller: number;
  readonly this: number;
  readonly verb: string;
  /** Whose console sees what it prints; without one it goes to the log. */
  readonly player?: number | null;
  readonly args?: readonly MooValue[];
  readonly kwargs?: { readonly [name: string]: MooValue };
  /** Called with the result, in a task of its own. */
  readonly callback?: { readonly this: number; readonly verb: string } | null;
}

interface Skipped {
  /** Set where the caller, the player or the target did not exist any more: nothing was run. */
  readonly skipped?: true;
}

const options = { queue: 'verbs', run: notBound } as const;

/** The handler belongs to a Reeve with `verbs`, which puts its own in place of this. */
function notBound(): never {
  throw new ReeveError('SANDBOX_UNAVAILABLE', 'this Reeve has no verbs; pass "verbs" to defineReeve');
}

/** Verbs write their world and the completion of their step in one transaction. */
function transactional<Result, S extends Schema>(definition: TaskOptions<S, Result>) {
  return Object.freeze({ ...defineTask(definition), transactional: true as const });
}

/** Runs a line that a player typed. Commands of one player run one after another, in the order given. */
export const parseCommand: TaskDefinition<CommandInput, CommandResult & Skipped> = transactional({
  name: 'verbs.parseCommand',
  description: 'parse a command',
  input: fields<CommandInput>({ caller: isId, line: isText }),
  ...options,
});

/** Runs code; whatever it throws fails the execution, and nothing of it stays. */
export const parseCode: TaskDefinition<CodeInput, CodeResult & Skipped> = transactional({
  name: 'verbs.parseCode',
  description: 'run code',
  input: fields<CodeInput>({ caller: isId, source: isText, mode: (mode) => mode === 'exec' || mode === 'eval' }, [
    'mode',
  ]),
  ...options,
});

/** Runs a verb of an object, and its callback with the result. */
export const invokeVerb: TaskDefinition<InvokeInput, { readonly result: MooValue } & Skipped> = transactional({
  name: 'verbs.invokeVerb',
  description: 'invoke a verb',
  input: fields<VerbInvocation>(
    {
      caller: isId,
      this: isId,
      verb: isName,
      player: orNull(isId),
      args: Array.isArray,
      kwargs: isRecord,
      callback: orNull(isRecord),
      account: isId,
      root: isName,
      hops: (value) => typeof value === 'number',
      periodic: (value) => typeof value === 'boolean',
    },
    ['player', 'args', 'kwargs', 'callback', 'account', 'root', 'hops', 'periodic'],
  ),
  ...options,
}) as unknown as TaskDefinition<InvokeInput, never>;

export const verbTasks = [parseCommand, parseCode, invokeVerb] as unknown as readonly TaskDefinition<never>[];
