/** What a verb may say. Written by `npm run docs:verbs` from the definition that the worker answers. */
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

/** Verbs are methods, properties are fields: `box.tell('hi')`, `box.description = 'A box.'`. */
interface MooObject {
  readonly id: number;
  /** Writing needs `write`. */
  name: string;
  /** Writing needs `entrust`. */
  owner: MooObject | null;
  /** Writing moves it: needs `move`, and the `accept` of the destination. */
  location: MooObject | null;
  /** Whether people see it without looking for it. */
  obvious: boolean;
  /** Needs `read`. */
  contents: readonly MooObject[];
  /** The newest first. Needs `read`. */
  parents: readonly MooObject[];
  /** In the order in which verbs and properties are looked for. Needs `read`. */
  ancestors: readonly MooObject[];
  /** Needs `read`. */
  aliases: readonly string[];
  verb(name: string): VerbRef;
  /** Calls a verb, also one whose name is no identifier. Needs `execute`. */
  call(verb: string, args?: readonly MooValue[], kwargs?: Readonly<Record<string, MooValue>>): MooValue;
  /** Throws NoSuchPropertyError. Needs `read` on the property. */
  getProperty(name: string): MooValue;
  /** Writes at once; a property of an ancestor is overridden here. Needs `write` on the property, or on the object for a new one. */
  setProperty(name: string, value: MooValue): void;
  /** Needs `write` on the property. */
  removeProperty(name: string): boolean;
  /** Here or on an ancestor. Needs `read`. */
  hasProperty(name: string): boolean;
  /** Here or on an ancestor. Needs `read`. */
  hasVerb(name: string): boolean;
  /** Whether it is the avatar of a player. */
  isPlayer(): boolean;
  /** Whether it is the avatar of a wizard. */
  isWizard(): boolean;
  /** Lets people play it; `account` is the host application’s name for them. Only for verbs owned by wizards. */
  makePlayer(options?: { account?: string; wizard?: boolean }): void;
  /** Whether it is the ancestor or inherits from it. */
  isA(ancestor: MooObject): boolean;
  /** What it contains of that name or alias. Needs `read`. */
  find(name: string): MooObject[];
  /** Whether the present caller may. */
  can(permission: Permission): boolean;
  /** Adds an access rule. Needs `grant`. */
  allow(permission: Permission, who: MooObject | Group, on?: { verb: string } | { property: string }): void;
  /** Adds an access rule that beats every other. Needs `grant`. */
  deny(permission: Permission, who: MooObject | Group, on?: { verb: string } | { property: string }): void;
  /** Takes the rules for that permission and accessor away. Needs `grant`. */
  revoke(permission: Permission, who: MooObject | Group, on?: { verb: string } | { property: string }): void;
  /** The newest parent comes first. `transmute` here, `derive` there. */
  addParent(parent: MooObject): void;
  /** Needs `transmute` here and `derive` there. */
  removeParent(parent: MooObject): void;
  /** Needs `write`. */
  addAlias(alias: string): void;
  /** Needs `write`. */
  removeAlias(alias: string): void;
  /** A new verb, owned by the caller. Names are separated by spaces; `foo*` is a prefix, `l*ook` an abbreviation. Needs `write`. */
  addVerb(
    names: string,
    source: string,
    options?: { dobj?: ObjectSpec; iobj?: Readonly<Record<string, 'this' | 'any' | 'none'>>; owner?: MooObject },
  ): VerbRef;
  /** Needs `write` on the verb. */
  setVerbCode(name: string, source: string): void;
  /** Needs `entrust` on the verb. */
  setVerbOwner(name: string, owner: MooObject): void;
  /** Needs `read` on the verb, which strangers do not have. */
  verbSource(name: string): string;
  /** Needs `write` on the verb. */
  removeVerb(name: string): void;
  /** The names of the verbs that it defines itself. Needs `read`. */
  verbs(): string[];
  /** The names of the properties that it has itself. Needs `read`. */
  properties(): string[];
  /** Its access rules, as text. Needs `read`. */
  rules(): string[];
  /** Reads a verb again from the file it was loaded from. Needs `write` on the verb. */
  reloadVerb(name: string): void;
  /** Deletes it: its `recycle` verb is called, what it contains is left in nothing. Needs `write`. */
  recycle(): void;
  [member: string]: MooValue;
}

interface InvokeOptions {
  readonly args?: readonly MooValue[];
  readonly kwargs?: Readonly<Record<string, MooValue>>;
  /** Seconds. */
  readonly delay?: number;
  /** Seconds, 1 at least. Only for verbs owned by wizards, as `cron`. */
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
  /** Whose permissions count: the owner of the verb, or whom `setTaskPerms` has put there. */
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
/** The object that the verb was called on; `this` in nested functions too. */
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
/** Runs `work` with the permissions of `who`. Only for verbs owned by wizards, or for the caller himself. */
declare function setTaskPerms<T>(who: MooObject, work: () => T): T;
/** Whether `seconds` (0.5) or less of the time limit are left. */
declare function taskTimeLow(seconds?: number): boolean;
/** Hands the rest of a list to a fresh task, as `args[0]`, and tells the player. */
declare function scheduleContinuation(items: readonly MooValue[], verb: VerbRef, message?: string): void;
/** Runs a verb later, in a task of its own: after `delay` seconds, `every` so many seconds, or by `cron`. Nothing of it is sent unless this task commits. Answers the id of a schedule, null for one run. */
declare function invoke(verb: VerbRef, options?: InvokeOptions): string | null;
/** Ends a schedule; false when there is none. Only for verbs owned by wizards. */
declare function cancelScheduledTask(id: string): boolean;
/** What became of a schedule; null when there is none. Only for verbs owned by wizards. */
declare function getScheduledTaskInfo(id: string): ScheduledTaskInfo | null;
/** The object of that id, `#id` or unique name, or that the player means by a name here. Throws NoSuchObjectError. */
declare function lookup(name: string | number): MooObject;
/** A new object. Owned by the caller, inside nothing, child of $.thing, unless told otherwise. */
declare function create(
  name: string,
  options?: { owner?: MooObject; location?: MooObject | null; parents?: readonly MooObject[] },
): MooObject;
/** The avatars of all players. */
declare function players(): MooObject[];
/** Shows a line on a player’s console, at once. Only for verbs owned by wizards; to others, 256 lines in 10 s. */
declare function write(player: MooObject, message: string, kind?: 'text' | 'say' | 'emote' | 'system'): void;
/** Runs code with the permissions of the present caller; the value of an expression, or of `return`. */
declare function mooEval(source: string): MooValue;
declare class UserError extends Error {}
declare class UsageError extends UserError {}
declare class NoSuchObjectError extends UserError {}
declare class NoSuchVerbError extends UserError {}
declare class NoSuchPropertyError extends UserError {}
declare class AmbiguousObjectError extends UserError {}
declare class AmbiguousVerbError extends UserError {}
declare class RecursiveError extends UserError {}
declare class QuotaError extends UserError {}
declare class PermissionError extends Error {}
declare class TickLimitError extends Error {}
