import { didYouMean } from './core/nearest-name.ts';
import type { Duration } from './core/duration.ts';
import { isReeveError, ReeveError } from './core/errors.ts';
import type { ExecutionOutcome } from './executions/await-execution.ts';
import type { Scheduled } from './executions/schedule-execution.ts';
import { parseCode, parseCommand, type CodeInput } from './executors/verbs/verb-tasks.ts';
import { findAvatar, initWorld, listAvatars, type Avatar } from './moo/bootstrap/init-world.ts';
import { loadVerbFolder, type LoadReport } from './moo/bootstrap/load-folder.ts';
import type { VerbRuntime } from './moo/runtime.ts';
import { listMessages, type Message } from './moo/tasks/messages.ts';
import type { MooValue } from './moo/world/values.ts';
import type { Execute } from './reeve-execute.ts';
import type { ResolvedOptions } from './reeve-options.ts';

/** What is needed of a Reeve. */
interface Host extends Execute {
  readonly options: ResolvedOptions;
}

/** Waits for the end of what was started just now. */
type ResultOfNew = (executionId: string, timeout: Duration) => Promise<ExecutionOutcome>;

/** How a command or code ended. */
export interface WorldAnswer {
  readonly executionId: string;
  /** `ok` also where a verb refused with an error line; `failed`: nothing of it stays; `skipped`: the caller is gone. */
  readonly state: 'ok' | 'failed' | 'timed_out' | 'skipped';
  readonly output: readonly string[];
  readonly exitStatus: 0 | 1;
  /** Of code; null otherwise. */
  readonly result: MooValue;
  readonly error: { readonly code: string; readonly message: string } | null;
}

interface WantedQueues {
  readonly queues?: readonly string[] | Readonly<Record<string, number>>;
  readonly concurrency?: number;
}

/** The world that verbs live in, for programs: make it, load verbs, run lines as somebody, read what he was shown. */
export class VerbWorld {
  readonly #host: Host;
  readonly #runtime: () => Promise<VerbRuntime | undefined>;
  readonly #result: ResultOfNew;

  constructor(host: Host, runtime: () => Promise<VerbRuntime | undefined>, result: ResultOfNew) {
    this.#host = host;
    this.#runtime = runtime;
    this.#result = result;
  }

  /** Makes the first objects and verbs of the world; what is there already is left, verbs are brought up to date. */
  async init(): Promise<LoadReport> {
    return initWorld(await this.#needed());
  }

  /** Loads the verb files below a folder, owned by the wizard unless told otherwise. What has not changed is left. */
  async load(folder: string): Promise<LoadReport> {
    return loadVerbFolder(await this.#needed(), folder);
  }

  /** The avatar of that name, `#id` or account. @throws WORLD_MISSING */
  async avatar(name: string): Promise<Avatar> {
    const { pool } = await this.#needed();
    const found = await findAvatar(pool, name);
    if (found !== undefined) return found;
    const all = await listAvatars(pool);
    const hint = didYouMean(
      name,
      all.map((each) => each.name),
    );
    const message = all.length === 0 ? 'there is no world yet' : `there is no player "${name}"${hint}`;
    throw new ReeveError('WORLD_MISSING', message);
  }

  /** Starts a command of a player, and does not wait. */
  async send(player: number | string, line: string): Promise<Scheduled> {
    return this.#host.execute(parseCommand, { caller: await this.#id(player), line });
  }

  /** Runs a line as a player would type it, and waits for its end. A worker must serve the queue `verbs`. */
  async command(
    player: number | string,
    line: string,
    options: { readonly timeout?: Duration } = {},
  ): Promise<WorldAnswer> {
    const { executionId } = await this.send(player, line);
    return this.#answer(executionId, options.timeout);
  }

  /** Runs what a person types at the console: a command, `;expression` or `;;statements`. */
  async line(player: number | string, line: string): Promise<WorldAnswer> {
    if (line.startsWith(';;')) return this.code(player, line.slice(2));
    if (line.startsWith(';')) return this.code(player, line.slice(1), { mode: 'eval' });
    return this.command(player, line);
  }

  /** Runs code with the permissions of a player. */
  async code(
    player: number | string,
    source: string,
    options: { readonly mode?: CodeInput['mode']; readonly timeout?: Duration } = {},
  ): Promise<WorldAnswer> {
    const input: CodeInput = { caller: await this.#id(player), source, ...(options.mode && { mode: options.mode }) };
    const { executionId } = await this.#host.execute(parseCode, input);
    return this.#answer(executionId, options.timeout);
  }

  /** What a player was shown, oldest first: behind the message `after`, else the newest. At most `limit`, or 1,000. */
  async messages(
    player: number | string,
    page: { readonly after?: number; readonly limit?: number } = {},
  ): Promise<Message[]> {
    const { pool } = await this.#needed();
    return listMessages(pool, await this.#id(player), { after: page.after, limit: page.limit ?? 1_000 });
  }

  /**
   * The queues that a worker may serve: without a sandbox not the queue of verbs, and it says so.
   *
   * @throws SANDBOX_UNAVAILABLE where nothing else was asked for.
   */
  async servedQueues(wanted: WantedQueues, runtime: VerbRuntime | undefined): Promise<WantedQueues> {
    const { queues } = this.#host.options;
    const names = wanted.queues ?? Object.keys(queues);
    const list: readonly string[] = isList(names) ? names : Object.keys(names);
    if (runtime === undefined || !list.includes('verbs')) return wanted;
    try {
      await runtime.sandbox();
      return wanted;
    } catch (error) {
      if (list.length === 1 || !isReeveError(error, 'SANDBOX_UNAVAILABLE')) throw error;
      const { logger } = runtime.options;
      logger.error(
        { event: 'sandbox.unavailable', err: error },
        `queue "verbs" is not served by this worker: ${error.message}`,
      );
      const others = list.filter((name) => name !== 'verbs');
      const chosen = isList(names) ? others : Object.fromEntries(others.map((name) => [name, names[name] ?? 1]));
      return { ...wanted, queues: chosen };
    }
  }

  async #needed(): Promise<VerbRuntime> {
    const runtime = await this.#runtime();
    if (runtime !== undefined) return runtime;
    throw new ReeveError('WORLD_MISSING', 'this application has no verbs; pass `verbs: {}` to defineReeve');
  }

  async #id(player: number | string): Promise<number> {
    return typeof player === 'number' ? player : (await this.avatar(player)).id;
  }

  async #answer(executionId: string, timeout: Duration = '30s'): Promise<WorldAnswer> {
    const { state, result, error } = await this.#result(executionId, timeout);
    const {
      output = [],
      exitStatus = 0,
      result: value = null,
      skipped,
    } = (result ?? {}) as Partial<WorldAnswer> & {
      skipped?: boolean;
    };
    const common = { executionId, output, result: value };
    if (state === 'succeeded')
      return { ...common, state: skipped === true ? 'skipped' : 'ok', exitStatus, error: null };
    const why = { code: error?.code ?? '', message: error?.message ?? state };
    return { ...common, state: why.code === 'VERB_TIMED_OUT' ? 'timed_out' : 'failed', exitStatus: 1, error: why };
  }
}

function isList(value: readonly string[] | Readonly<Record<string, number>>): value is readonly string[] {
  return Array.isArray(value);
}
