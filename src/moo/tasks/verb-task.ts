import { isReeveError } from '../../core/errors.ts';
import type { Logger } from '../../core/logging.ts';
import { isConflictError, sqlState } from '../../executions/sql-state.ts';
import type { VerbLimits } from '../sandbox/limits.ts';
import { SandboxEnded, type FrameAnswer, type SandboxChild } from '../sandbox/sandbox-child.ts';
import { errorNames, operations, type Operation, type VerbErrorName } from '../sandbox/sdk.ts';
import type { ParsedCommand } from '../parser/dispatch.ts';
import { checkedValue, objectValue, type MooValue } from '../world/values.ts';
import type { LearnedNames } from '../world/learned-names.ts';
import type { ObjectRow, VerbRow } from '../world/rows.ts';
import { permissionError, userError, VerbError, WorldConflict } from '../world/verb-error.ts';
import { objectSubject, propertySubject, verbSubject, type Preview, type World } from '../world/world.ts';
import { callerOf, type Frame } from './frames.ts';
import type { MessageKind, MessageWriter } from './messages.ts';
import type { TaskOutput } from './output.ts';
import { parserInput } from './parser-input.ts';
import type { TaskScheduling } from './scheduling.ts';

/** Code failed in a way that is no word to a verb: a mistake of the verb itself, or of ours. */
export class InternalVerbError extends Error {
  /** For wizards: where in the verb. */
  readonly verbStack: string;

  constructor(message: string, verbStack: string) {
    super(message);
    this.verbStack = verbStack;
  }
}

/** Answers one call of a frame; handed in, because the answers know tasks. */
type Answer = (task: VerbTask, frame: Frame, operation: Operation, args: readonly unknown[]) => Promise<MooValue>;

export interface TaskSetting {
  readonly answer: Answer;
  readonly world: World;
  readonly child: SandboxChild;
  readonly limits: VerbLimits;
  readonly output: TaskOutput;
  readonly messages: MessageWriter;
  readonly scheduling: TaskScheduling;
  readonly learned: LearnedNames;
  readonly logger: Logger;
  readonly taskId: string;
  readonly player: number | null;
  /** Whose quotas this task uses up. */
  readonly account: number;
  readonly root: string;
  readonly hops: number;
  /** Whether lines that are printed are shown before the task ends. */
  readonly isLive: boolean;
  /** The folder that verb files are read again from. */
  readonly folder: string | undefined;
  readonly begun: number;
}

/** How often each thing was done; every count has its limit. */
export interface TaskCounts {
  hostCalls: number;
  objects: number;
  verbs: number;
  properties: number;
  scheduled: number;
}

interface FrameEntry {
  readonly self: number | null;
  readonly verb: VerbRow | null;
  readonly verbName: string | null;
  readonly caller: number;
  readonly code: string;
  readonly file: string;
  readonly args: readonly MooValue[];
  readonly kwargs: Readonly<Record<string, MooValue>>;
}

/** One task: its stack of frames, its limits, and the answers that its verbs get. The worker's side of the sandbox. */
export class VerbTask {
  readonly setting: TaskSetting;
  readonly counts: TaskCounts = { hostCalls: 0, objects: 0, verbs: 0, properties: 0, scheduled: 0 };
  readonly scratch = new Map<string, MooValue>();
  parsed: ParsedCommand | null = null;
  /** Whether somebody was told something already, so that the task cannot be run again unnoticed. */
  hasSpoken = false;
  /** Whether a frame that runs on an object will probably ask for what is in there. */
  expectsContents: (id: number) => boolean = () => false;
  /** Whether it has written anything that the engine is to look at after the commit. */
  hasScheduled = false;
  /** Why nothing of this task, or of this fragment, may be committed; whatever the verb makes of it. */
  failure: Error | undefined;
  readonly #frames: Frame[] = [];
  #lastFrame = 0;
  #preview: Previews | undefined;
  #ticks: number;

  constructor(setting: TaskSetting) {
    this.setting = setting;
    this.#ticks = setting.limits.ticks;
  }

  get world(): World {
    return this.setting.world;
  }

  get frames(): readonly Frame[] {
    return this.#frames;
  }

  /** Calls a verb on an object, with the permissions of `caller`. */
  async callVerb(
    caller: number,
    on: { readonly self: number; readonly name: string },
    args: readonly MooValue[],
    kwargs: Readonly<Record<string, MooValue>> = {},
  ): Promise<MooValue> {
    const verb = await this.world.verb(on.self, on.name);
    await this.world.require(caller, 'execute', verbSubject(verb));
    return this.runVerb(verb, on, args, kwargs);
  }

  /** The same without looking at the right to execute. */
  async runVerb(
    verb: VerbRow,
    on: { readonly self: number; readonly name: string },
    args: readonly MooValue[],
    kwargs: Readonly<Record<string, MooValue>> = {},
  ): Promise<MooValue> {
    if (verb.ownerId === null) throw permissionError(`verb {${verb.id}} has no owner and does not run`);
    this.setting.learned.learnOwner(verb.ownerId);
    return this.#run({
      self: on.self,
      verb,
      verbName: on.name,
      caller: verb.ownerId,
      code: verb.compiled,
      file: `#${verb.originId}:${verb.names[0] ?? on.name}`,
      args,
      kwargs,
    });
  }

  /** Runs compiled code of nobody's verb with the permissions of `caller`. */
  runCode(caller: number, self: number | null, code: string): Promise<MooValue> {
    return this.#run({ self, verb: null, verbName: null, caller, code, file: 'eval', args: [], kwargs: {} });
  }

  async #run(entry: FrameEntry): Promise<MooValue> {
    const { limits, child, begun } = this.setting;
    if (this.#frames.length >= limits.depth) throw userError('Too many nested verb calls.');
    this.#lastFrame += 1;
    const previous = this.#frames.at(-1);
    const frame: Frame = {
      id: this.#lastFrame,
      self: entry.self,
      verb: entry.verb,
      verbName: entry.verbName,
      callers: [entry.caller],
      previousCaller: previous === undefined ? null : callerOf(previous),
    };
    const height = this.#frames.length;
    this.#frames.push(frame);
    try {
      const answer = await child.run({
        frame: frame.id,
        owner: String(entry.caller),
        code: entry.code,
        file: entry.file,
        input: JSON.stringify({ ...this.#input(entry), told: await this.#toldOf(entry) }),
        timeoutMs: begun + limits.timeLimitMs - Date.now(),
      });
      return this.#outcome(answer);
    } finally {
      this.#frames.length = height;
    }
  }

  #input(entry: FrameEntry): object {
    const { limits, isLive, player, taskId, begun } = this.setting;
    return {
      limits: { ...limits, ticks: this.#ticks },
      live: isLive,
      self: entry.self,
      args: entry.args,
      kwargs: entry.kwargs,
      verbName: entry.verbName,
      parser: this.parsed === null ? null : parserInput(this.parsed),
      player,
      taskId,
      begun,
      timeLimit: limits.timeLimitMs / 1_000,
    };
  }

  /** What is known of the object that a verb runs on, and of what is in there where such a command has asked for it. */
  async #toldOf({ self, caller, verb }: FrameEntry): Promise<Previews | undefined> {
    if (self === null || verb === null) return undefined;
    const { world } = this;
    const told = await world.preview(caller, self);
    if (told === undefined) return undefined;
    const { contents, ...rest } = told;
    if (contents === undefined || contents.length > mostPreviewed || !this.expectsContents(self))
      return { [self]: rest };
    const inside = await this.#previewsOf(caller, await world.load(contents));
    return { ...inside, [self]: { ...rest, contents } };
  }

  #outcome(answer: FrameAnswer): MooValue {
    if (answer.t === 'failed') {
      if (answer.failure === 'timeout') this.setting.child.kill('time', answer.message);
      if (answer.failure === 'memory') this.setting.child.kill('memory', answer.message);
      throw answer.failure === 'timeout' || answer.failure === 'memory'
        ? new SandboxEnded(answer.failure === 'timeout' ? 'time' : 'memory', answer.message)
        : new InternalVerbError(answer.message, '');
    }
    const outcome = this.#parsed(answer.text);
    this.#spend(outcome['k']);
    this.#print(outcome['p']);
    if (outcome['spent'] === true) this.failure ??= new VerbError('TickLimitError', 'Too many loop turns in one task.');
    const { e: name, m: message, s: stack } = outcome;
    if (name === undefined) return checkedValue(outcome['v'] ?? null, this.setting.limits);
    const text = typeof message === 'string' ? message.slice(0, longestErrorText) : '';
    if (isErrorName(name)) throw new VerbError(name, text);
    throw new InternalVerbError(text, typeof stack === 'string' ? stack.slice(0, 2 * longestErrorText) : '');
  }

  /** What a child sends is looked at as if user code had sent it. */
  #parsed(text: string): Readonly<Record<string, unknown>> {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    } catch (error) {
      this.setting.child.kill('violation', String(error));
    }
    throw new SandboxEnded('violation', 'the sandbox answered what is no answer');
  }

  /** What a frame asks for. The answer is text in every case: no error of the host ever reaches a verb. */
  async host(frameId: number, text: string): Promise<string> {
    try {
      const value = await this.#answer(frameId, text);
      const told = this.#preview;
      this.#preview = undefined;
      return JSON.stringify({ v: value, k: this.#ticks, c: told });
    } catch (error) {
      return JSON.stringify({ ...this.#told(error), k: this.#ticks });
    }
  }

  async #answer(frameId: number, text: string): Promise<MooValue> {
    const { limits } = this.setting;
    const frame = this.#frames.at(-1);
    if (frame?.id !== frameId) throw permissionError('This frame is not the running one.');
    this.checkFailure();
    this.counts.hostCalls += 1;
    if (this.counts.hostCalls > 2 * limits.hostCalls) this.failure = userError('Far too many calls in one task.');
    if (this.counts.hostCalls > limits.hostCalls) throw userError('Too many calls in one task.');
    if (text.length > limits.payloadBytes * 2) throw userError('A value is too large.');
    const request = JSON.parse(text) as { o?: unknown; a?: unknown; k?: unknown; p?: unknown };
    const { o: operation, a: args } = request;
    if (typeof operation !== 'string' || !operations.has(operation) || !Array.isArray(args)) {
      throw userError('There is no such call.');
    }
    this.#spend(request.k);
    this.#print(request.p);
    return this.setting.answer(this, frame, operation as Operation, args);
  }

  #spend(ticks: unknown): void {
    if (this.setting.limits.ticks === 0) return;
    if (typeof ticks === 'number' && ticks > 0) this.#ticks = Math.max(1, this.#ticks - ticks);
  }

  #print(lines: unknown): void {
    if (!Array.isArray(lines)) return;
    for (const line of lines) if (typeof line === 'string') this.setting.output.print(line);
  }

  /** Shows a line on a player's console, at once. */
  tell(player: number, kind: MessageKind, body: string): void {
    const { messages, limits, account } = this.setting;
    const top = this.#frames.at(-1);
    this.hasSpoken = true;
    messages.write({
      player,
      kind,
      body: Buffer.from(body.replaceAll('\u0000', '').toWellFormed()).subarray(0, limits.lineBytes).toString('utf8'),
      provenance: {
        origin: top?.verb?.originId ?? null,
        verb: top?.verb?.names[0] ?? null,
        owner: top?.verb?.ownerId ?? null,
        player: this.setting.player,
      },
      account: player === account ? null : account,
    });
  }

  /** How an error is told to a verb; what it must not know stays here, and what broke the transaction is kept. */
  #told(error: unknown): { e: VerbErrorName | 'Error'; m: string } {
    const known = verbErrorOf(error);
    if (error instanceof InternalVerbError) return { e: 'Error', m: error.message };
    if (known === undefined || isBroken(error))
      this.failure ??= Error.isError(error) ? error : new Error(String(error));
    return known === undefined ? { e: 'Error', m: 'internal error' } : { e: known.name, m: known.message };
  }

  /** Why the task really failed: a verb is told of a conflict as a UserError, and passes that on. */
  causeOf(thrown: unknown): unknown {
    return thrown instanceof SandboxEnded ? thrown : (this.failure ?? thrown);
  }

  /** @throws what has made this task one that cannot be committed. */
  checkFailure(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** @throws NoSuchPropertyError, PermissionError */
  async readProperty(caller: number, id: number, name: string): Promise<MooValue> {
    const property = await this.world.property(id, name);
    await this.world.require(caller, 'read', propertySubject(property));
    return property.value;
  }

  /** Tells the frame beforehand what it will ask of a list of objects next; only of those that its caller may read. */
  async preview(caller: number, rows: readonly ObjectRow[]): Promise<void> {
    this.#preview = await this.#previewsOf(caller, rows.slice(0, mostPreviewed));
  }

  async #previewsOf(caller: number, rows: readonly ObjectRow[]): Promise<Previews> {
    const told: Record<number, Preview> = {};
    for (const row of rows) {
      if (!(await this.world.isAllowed(caller, 'read', objectSubject(row)))) continue;
      told[row.id] = { name: row.name, obvious: row.obvious, isPlayer: row.isPlayer };
    }
    return told;
  }

  self(frame: Frame): MooValue {
    return frame.self === null ? null : objectValue(frame.self);
  }
}

/** By object. */
type Previews = Readonly<Record<number, Preview>>;

const longestErrorText = 2_000;
const mostPreviewed = 200;

function isErrorName(name: unknown): name is VerbErrorName {
  return (errorNames as readonly unknown[]).includes(name);
}

/** Whether the transaction can only be rolled back, at least to its savepoint. */
function isBroken(error: unknown): boolean {
  return sqlState(error) !== undefined || error instanceof WorldConflict;
}

/** The error as verbs know it; undefined for what is a fault of the program or the machine. */
export function verbErrorOf(error: unknown): VerbError | undefined {
  if (error instanceof VerbError) return error;
  const state = sqlState(error);
  if (state === '57014' || state === '55P03') return userError('The world is busy, try again.');
  if (error instanceof WorldConflict || isConflictError(error)) {
    return userError('Someone else changed this first; try again.');
  }
  if (isReeveError(error, 'SCHEDULE_INVALID') || isReeveError(error, 'PAYLOAD_TOO_LARGE')) {
    return userError(error.message);
  }
  return undefined;
}
