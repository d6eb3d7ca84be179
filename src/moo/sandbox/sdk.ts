/** One word that a verb may say. The prelude makes it callable, the bridge answers it, the `.d.ts` describes it. */
export interface SdkWord {
  /** Its type in TypeScript, as it stands in `reeve-verb.d.ts`. */
  readonly type: string;
  readonly doc: string;
}

/** Functions that every verb finds as globals, and that the worker answers under the same name. */
export const sdkFunctions = {
  invoke: {
    type: '(verb: VerbRef, options?: InvokeOptions): string | null',
    doc: 'Runs a verb later, in a task of its own: after `delay` seconds, `every` so many seconds, or by `cron`. Nothing of it is sent unless this task commits. Answers the id of a schedule, null for one run.',
  },
  cancelScheduledTask: {
    type: '(id: string): boolean',
    doc: 'Ends a schedule; false when there is none. Only for verbs owned by wizards.',
  },
  getScheduledTaskInfo: {
    type: '(id: string): ScheduledTaskInfo | null',
    doc: 'What became of a schedule; null when there is none. Only for verbs owned by wizards.',
  },
  lookup: {
    type: '(name: string | number): MooObject',
    doc: 'The object of that id, `#id` or unique name, or that the player means by a name here. Throws NoSuchObjectError.',
  },
  create: {
    type: '(name: string, options?: { owner?: MooObject; location?: MooObject | null; parents?: readonly MooObject[] }): MooObject',
    doc: 'A new object. Owned by the caller, inside nothing, child of $.thing, unless told otherwise.',
  },
  players: { type: '(): MooObject[]', doc: 'The avatars of all players.' },
  write: {
    type: '(player: MooObject, message: string, kind?: "text" | "say" | "emote" | "system"): void',
    doc: 'Shows a line on a player’s console, at once. Only for verbs owned by wizards; to others, 256 lines in 10 s.',
  },
  mooEval: {
    type: '(source: string): MooValue',
    doc: 'Runs code with the permissions of the present caller; the value of an expression, or of `return`.',
  },
} as const satisfies Readonly<Record<string, SdkWord>>;

/** Methods of objects. `MooObject` has them beside its verbs and properties, which come second. */
export const objectMethods = {
  call: {
    type: '(verb: string, args?: readonly MooValue[], kwargs?: Readonly<Record<string, MooValue>>): MooValue',
    doc: 'Calls a verb, also one whose name is no identifier. Needs `execute`.',
  },
  getProperty: { type: '(name: string): MooValue', doc: 'Throws NoSuchPropertyError. Needs `read` on the property.' },
  setProperty: {
    type: '(name: string, value: MooValue): void',
    doc: 'Writes at once; a property of an ancestor is overridden here. Needs `write` on the property, or on the object for a new one.',
  },
  removeProperty: { type: '(name: string): boolean', doc: 'Needs `write` on the property.' },
  hasProperty: { type: '(name: string): boolean', doc: 'Here or on an ancestor. Needs `read`.' },
  hasVerb: { type: '(name: string): boolean', doc: 'Here or on an ancestor. Needs `read`.' },
  isPlayer: { type: '(): boolean', doc: 'Whether it is the avatar of a player.' },
  isWizard: { type: '(): boolean', doc: 'Whether it is the avatar of a wizard.' },
  makePlayer: {
    type: '(options?: { account?: string; wizard?: boolean }): void',
    doc: 'Lets people play it; `account` is the host application’s name for them. Only for verbs owned by wizards.',
  },
  isA: { type: '(ancestor: MooObject): boolean', doc: 'Whether it is the ancestor or inherits from it.' },
  find: { type: '(name: string): MooObject[]', doc: 'What it contains of that name or alias. Needs `read`.' },
  can: { type: '(permission: Permission): boolean', doc: 'Whether the present caller may.' },
  allow: {
    type: '(permission: Permission, who: MooObject | Group, on?: { verb: string } | { property: string }): void',
    doc: 'Adds an access rule. Needs `grant`.',
  },
  deny: {
    type: '(permission: Permission, who: MooObject | Group, on?: { verb: string } | { property: string }): void',
    doc: 'Adds an access rule that beats every other. Needs `grant`.',
  },
  revoke: {
    type: '(permission: Permission, who: MooObject | Group, on?: { verb: string } | { property: string }): void',
    doc: 'Takes the rules for that permission and accessor away. Needs `grant`.',
  },
  addParent: {
    type: '(parent: MooObject): void',
    doc: 'The newest parent comes first. `transmute` here, `derive` there.',
  },
  removeParent: { type: '(parent: MooObject): void', doc: 'Needs `transmute` here and `derive` there.' },
  addAlias: { type: '(alias: string): void', doc: 'Needs `write`.' },
  removeAlias: { type: '(alias: string): void', doc: 'Needs `write`.' },
  addVerb: {
    type: '(names: string, source: string, options?: { dobj?: ObjectSpec; iobj?: Readonly<Record<string, "this" | "any" | "none">>; owner?: MooObject }): VerbRef',
    doc: 'A new verb, owned by the caller. Names are separated by spaces; `foo*` is a prefix, `l*ook` an abbreviation. Needs `write`.',
  },
  setVerbCode: { type: '(name: string, source: string): void', doc: 'Needs `write` on the verb.' },
  setVerbOwner: { type: '(name: string, owner: MooObject): void', doc: 'Needs `entrust` on the verb.' },
  verbSource: { type: '(name: string): string', doc: 'Needs `read` on the verb, which strangers do not have.' },
  removeVerb: { type: '(name: string): void', doc: 'Needs `write` on the verb.' },
  verbs: { type: '(): string[]', doc: 'The names of the verbs that it defines itself. Needs `read`.' },
  properties: { type: '(): string[]', doc: 'The names of the properties that it has itself. Needs `read`.' },
  rules: { type: '(): string[]', doc: 'Its access rules, as text. Needs `read`.' },
  reloadVerb: {
    type: '(name: string): void',
    doc: 'Reads a verb again from the file it was loaded from. Needs `write` on the verb.',
  },
  recycle: {
    type: '(): void',
    doc: 'Deletes it: its `recycle` verb is called, what it contains is left in nothing. Needs `write`.',
  },
} as const satisfies Readonly<Record<string, SdkWord>>;

/** What an object is, beside its properties: read by name; those that may be assigned are not readonly. */
export const objectAttributes = {
  name: { type: 'string', doc: 'Writing needs `write`.' },
  owner: { type: 'MooObject | null', doc: 'Writing needs `entrust`.' },
  location: { type: 'MooObject | null', doc: 'Writing moves it: needs `move`, and the `accept` of the destination.' },
  obvious: { type: 'boolean', doc: 'Whether people see it without looking for it.' },
  contents: { type: 'readonly MooObject[]', doc: 'Needs `read`.' },
  parents: { type: 'readonly MooObject[]', doc: 'The newest first. Needs `read`.' },
  ancestors: {
    type: 'readonly MooObject[]',
    doc: 'In the order in which verbs and properties are looked for. Needs `read`.',
  },
  aliases: { type: 'readonly string[]', doc: 'Needs `read`.' },
} as const satisfies Readonly<Record<string, SdkWord>>;

export const writableAttributes: readonly string[] = ['name', 'owner', 'location', 'obvious'];

/** What the worker answers beside the words above; they have their own forms in the language. */
const innerOperations = [
  'member',
  'text',
  'print',
  'attribute',
  'setAttribute',
  'passthrough',
  'caller',
  'callerStack',
  'pushPerms',
  'popPerms',
  'scratchGet',
  'scratchSet',
  'verbRef',
] as const;

/** Every operation that a frame may ask for. */
export type Operation = keyof typeof sdkFunctions | keyof typeof objectMethods | (typeof innerOperations)[number];

export const operations: ReadonlySet<string> = new Set([
  ...Object.keys(sdkFunctions),
  ...Object.keys(objectMethods),
  ...innerOperations,
]);

/** The classes of errors that verbs see and throw. All but the last two are UserErrors. */
export const errorNames = [
  'UserError',
  'UsageError',
  'NoSuchObjectError',
  'NoSuchVerbError',
  'NoSuchPropertyError',
  'AmbiguousObjectError',
  'AmbiguousVerbError',
  'RecursiveError',
  'QuotaError',
  'PermissionError',
  'TickLimitError',
] as const;

export type VerbErrorName = (typeof errorNames)[number];
