/** Writes world/reeve-verb.d.ts, for authors of verbs, from the table that the bridge answers. `--check` only compares. */
import { readFile, writeFile } from 'node:fs/promises';
import { format } from 'prettier';
import { errorNames, objectAttributes, objectMethods, sdkFunctions } from '../src/moo/sandbox/sdk.ts';

const file = new URL('../world/reeve-verb.d.ts', import.meta.url);

const methods = Object.entries(objectMethods).map(([name, { type, doc }]) => `  /** ${doc} */\n  ${name}${type};`);
const attributes = Object.entries(objectAttributes).map(
  ([name, { type, doc }]) => `  /** ${doc} */\n  ${name}: ${type};`,
);
const functions = Object.entries(sdkFunctions).map(
  ([name, { type, doc }]) => `/** ${doc} */\ndeclare function ${name}${type};`,
);
const errors = errorNames.map((name) => {
  const above = name === 'UserError' || name === 'PermissionError' || name === 'TickLimitError' ? 'Error' : 'UserError';
  return `declare class ${name} extends ${above} {}`;
});

const text = `/** What a verb may say. Written by \`npm run docs:verbs\` from the definition that the worker answers. */
type MooValue = any;
type Permission = 'anything' | 'read' | 'write' | 'entrust' | 'grant' | 'execute' | 'move' | 'transmute' | 'derive';
type Group = 'everyone' | 'owners' | 'wizards';
type ObjectSpec = 'this' | 'any' | 'none' | 'either';

/** A verb of an object, to be invoked, called or handed on. */
interface VerbRef {
  readonly name: string;
  readonly object: MooObject;
  call(...args: MooValue[]): MooValue;
  reload(): void;
}

/** Verbs are methods, properties are fields: \`box.tell('hi')\`, \`box.description = 'A box.'\`. */
interface MooObject {
  readonly id: number;
${attributes.join('\n')}
  verb(name: string): VerbRef;
${methods.join('\n')}
  [member: string]: MooValue;
}

interface InvokeOptions {
  readonly args?: readonly MooValue[];
  readonly kwargs?: Readonly<Record<string, MooValue>>;
  /** Seconds. */
  readonly delay?: number;
  /** Seconds, 1 at least. Only for verbs owned by wizards, as \`cron\`. */
  readonly every?: number;
  /** Five fields, UTC. */
  readonly cron?: string;
  /** Called with the result, in a task of its own. */
  readonly callback?: VerbRef;
}

interface ScheduledTaskInfo {
  readonly enabled: boolean;
  readonly lastRunAt: string | null;
  readonly nextRunAt: string | null;
  readonly totalRunCount: number;
  readonly intervalSeconds: number | null;
  readonly task: string;
}

/** The command as typed; null in tasks that no player has typed. */
interface Parser {
  readonly command: string;
  readonly words: readonly string[];
  readonly verb: string;
  hasDobj(): boolean;
  hasDobjStr(): boolean;
  getDobj(options?: { lookup?: boolean }): MooObject;
  getDobjStr(): string;
  hasPobj(preposition: string): boolean;
  hasPobjStr(preposition: string): boolean;
  getPobj(preposition: string, options?: { lookup?: boolean }): MooObject;
  getPobjStr(preposition: string): string;
}

interface Context {
  /** Whose permissions count: the owner of the verb, or whom \`setTaskPerms\` has put there. */
  readonly caller: MooObject;
  /** Who acts; null where nobody does. */
  readonly player: MooObject;
  readonly callerStack: readonly MooValue[];
  readonly parser: Parser | null;
  /** The id of the execution in the ledger. */
  readonly taskId: string;
  /** In seconds; shared by all verbs of the task. */
  readonly taskTime: { readonly elapsed: number; readonly timeLimit: number; readonly remaining: number };
  /** Shared by all verbs of the task, gone with it. */
  readonly scratch: Record<string, MooValue>;
}

declare const context: Context;
/** The object that the verb was called on; \`this\` in nested functions too. */
declare const self: MooObject;
/** The system object. */
declare const _: MooObject;
declare const $: MooObject;
declare const args: readonly MooValue[];
declare const kwargs: Readonly<Record<string, MooValue>>;
/** The name that the verb was called by. */
declare const verbName: string;
/** The verb that this one overrides; null where there is none. */
declare function passthrough(...args: MooValue[]): MooValue;
declare function print(...values: MooValue[]): void;
/** As print, without the end of the line. */
declare function emit(...values: MooValue[]): void;
/** Runs \`work\` with the permissions of \`who\`. Only for verbs owned by wizards, or for the caller himself. */
declare function setTaskPerms<T>(who: MooObject, work: () => T): T;
/** Whether \`seconds\` (0.5) or less of the time limit are left. */
declare function taskTimeLow(seconds?: number): boolean;
/** Hands the rest of a list to a fresh task, as \`args[0]\`, and tells the player. */
declare function scheduleContinuation(items: readonly MooValue[], verb: VerbRef, message?: string): void;
${functions.join('\n')}
${errors.join('\n')}
`;

const wanted = await format(text, { parser: 'typescript', singleQuote: true, printWidth: 120 });
const present = await readFile(file, 'utf8').catch(() => '');
if (!process.argv.includes('--check')) {
  await writeFile(file, wanted);
  process.stdout.write('world/reeve-verb.d.ts is written\n');
} else if (present === wanted) {
  process.stdout.write('world/reeve-verb.d.ts is up to date\n');
} else {
  process.stderr.write('world/reeve-verb.d.ts is not what the SDK says; run `npm run docs:verbs`\n');
  process.exitCode = 1;
}
