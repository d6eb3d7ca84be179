import type { LedgerPool } from '../executions/ledger-pool.ts';
import type { Scheduled } from '../executions/schedule-execution.ts';
import { isConnectionError, sqlState } from '../executions/sql-state.ts';
import { findLiveKeys, lookForKey } from '../executions/sql/find-live-keys.ts';
import { startBackground, type RunAnswer, type WantedRun } from '../executions/sql/start-background.ts';
import type { BackgroundRequest } from './background-request.ts';

/** A request that waits for its batch. */
interface Waiting {
  readonly request: BackgroundRequest;
  /** Of the remembered run that it starts. */
  readonly token: string | null;
  readonly answer: PromiseWithResolvers<Scheduled>;
}

const batchSize = 500;

/** How often a start is tried again when the rival that it met has ended in the meantime. */
const maxTries = 5;

/**
 * Starts background tasks outside any transaction of a caller's, on the engine's own pool: a request is refused with the
 * live execution of its key in one round trip, and started in another.
 *
 * Requests that come in the same turn of the event loop share a statement. Of those with the same key the first is
 * tried, and the others are refused with its id.
 */
export class BackgroundStarter {
  readonly #pool: LedgerPool;
  readonly #lockTimeoutMs: number;
  readonly #onStarted: () => void;
  #waiting: Waiting[] = [];

  /** @param onStarted - Called after a statement that has started something. */
  constructor(pool: LedgerPool, lockTimeoutMs: number, onStarted: () => void) {
    this.#pool = pool;
    this.#lockTimeoutMs = lockTimeoutMs;
    this.#onStarted = onStarted;
  }

  /** @throws BUSY when a rival's open transaction with the same key does not end within the lock timeout. */
  async start(request: BackgroundRequest, token: string | null = null): Promise<Scheduled> {
    const answer = Promise.withResolvers<Scheduled>();
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    this.#waiting.push({ request, token, answer });
    return answer.promise;
  }

  #flush(): void {
    const groups = [...Map.groupBy(this.#waiting, ({ request }) => request.uniqueKey).values()];
    this.#waiting = [];
    for (let from = 0; from < groups.length; from += batchSize) {
      const batch = groups.slice(from, from + batchSize);
      this.#answer(batch, 1).catch((error: unknown) => {
        for (const { answer } of batch.flat()) answer.reject(error);
      });
    }
  }

  /** Most requests are refused, so a cheap look comes first, except where a refusal must write something as well. */
  async #answer(groups: readonly (readonly Waiting[])[], tries: number): Promise<void> {
    const looked = groups.filter((group) => group.every(({ request }) => request.remembered === null));
    const keys = looked.flatMap(([first]) => first?.request.uniqueKey ?? []);
    const live = keys.length === 0 ? new Map<string, string>() : await this.#look(keys);
    const open = groups.filter(([first]) => !live.has(first?.request.uniqueKey ?? ''));
    for (const { request, answer } of groups.flat()) {
      const executionId = live.get(request.uniqueKey);
      if (executionId !== undefined) answer.resolve({ executionId, created: false });
    }
    if (open.length > 0) await this.#startGroups(open, tries);
  }

  /** What goes wrong while one waits for a start is met again by the start itself, which says so. */
  async #look(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const [key = '', ...others] = keys;
    if (others.length > 0) return findLiveKeys(this.#pool, keys);
    try {
      const live = await lookForKey(this.#pool, key, this.#lockTimeoutMs);
      return new Map(live === undefined ? [] : [[key, live]]);
    } catch (error) {
      if (isConnectionError(error)) throw error;
      return findLiveKeys(this.#pool, keys);
    }
  }

  /** Settles every request that it is given. */
  async #startGroups(groups: readonly (readonly Waiting[])[], tries: number): Promise<void> {
    const drafted = (await Promise.all(groups.map((group) => draftGroup(group)))).filter(
      (draft) => draft !== undefined,
    );
    if (drafted.length === 0) return;
    // Only who looks for one key waits for its start, so only the start of one key is worth the locks for that.
    const rivals = tries === 1 && drafted.length === 1 ? 'pass' : 'wait';
    let answers: readonly RunAnswer[];
    try {
      const runs = drafted.map(({ run }) => run);
      answers = await startBackground(this.#pool, runs, { lockTimeoutMs: this.#lockTimeoutMs, rivals });
    } catch (error) {
      // One of them is held up by a rival's open transaction, or is refused by the database: the others are not.
      if (drafted.length > 1) await Promise.all(drafted.map(({ group }) => this.#startGroups([group], tries)));
      else refuse(drafted, error);
      return;
    }
    if (answers.some(({ created }) => created)) this.#onStarted();
    const byId = new Map(answers.map((answer) => [answer.wanted_id, answer]));
    const again = drafted.filter(({ group, run }) => !settle(group, byId.get(run.execution.id)));
    if (again.length === 0) return;
    if (tries >= maxTries) {
      refuse(again, undefined);
      return;
    }
    try {
      await this.#answer(
        again.map(({ group }) => group),
        tries + 1,
      );
    } catch (error) {
      refuse(again, error);
    }
  }
}

function refuse(drafted: readonly Drafted[], error: unknown): void {
  const isBusy = error === undefined || sqlState(error) === '55P03';
  for (const { group } of drafted) {
    for (const { request, answer } of group) answer.reject(isBusy ? request.busy(error) : error);
  }
}

interface Drafted {
  readonly group: readonly Waiting[];
  readonly run: WantedRun;
}

/** The first request of a key whose plan can be made; those before it are refused with what is wrong. */
async function draftGroup(group: readonly Waiting[]): Promise<Drafted | undefined> {
  for (const [index, { request, token, answer }] of group.entries()) {
    try {
      const drafted = await request.run();
      const rest = group.slice(index);
      const asking = rest.filter((waiting) => waiting.token === null);
      const remember = asking.at(-1)?.request.remembered ?? null;
      const askedAgain = asking.some((waiting) => waiting !== rest[0]);
      return { group: rest, run: { ...drafted, remember, askedAgain, rememberedToken: token } };
    } catch (error) {
      answer.reject(error);
    }
  }
  return undefined;
}

/** False where the ledger gave no answer. */
function settle(group: readonly Waiting[], answer: RunAnswer | undefined): boolean {
  if (answer === undefined || answer.id === null) return false;
  for (const [index, waiting] of group.entries()) {
    const created = answer.created && index === 0;
    const isRemembered = !created && waiting.token === null && waiting.request.remembered !== null;
    waiting.answer.resolve({ executionId: answer.id, created, ...(isRemembered ? { onceMore: true } : {}) });
  }
  return true;
}
