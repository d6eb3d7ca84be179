import { CommitUnknown } from '../../src/executions/ledger-pool.ts';
import type { TestRandom } from '../support/random.ts';
import { actorContext, runAs, type Actor, type Turn } from './actor.ts';
import type { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What becomes of one transaction, statement or command. */
export type Fate =
  | 'done'
  /** It never gets there. */
  | 'refused'
  /** It is done, and whoever asked hears of a lost connection. */
  | 'answer lost'
  /** Its process is dead before it is done. */
  | 'crash before'
  /** It is done, and its process is dead before it hears of it. */
  | 'crash after';

export type BoundaryKind = 'statement' | 'transaction' | 'broker' | 'delivery' | 'timer';

interface Waiting {
  readonly actor: Actor;
  readonly kind: BoundaryKind;
  readonly what: string;
  /** A message that is late on its way. */
  notBefore: number;
  /** Resolves when the turn is over, or suspended. */
  readonly go: (fate: Fate) => Promise<string>;
}

const hungMs = 60_000;

/** Something that can be decided to happen next, besides what waits here. */
export interface Possibility {
  readonly actor: Actor;
  readonly what: string;
  readonly go: () => void;
}

/**
 * Lets exactly one thing happen at a time: whoever of the simulated processes comes to a transaction, to a statement of
 * its own or to a command for the broker waits here until the seed picks it. What happens between two such boundaries is
 * the code of one process, which needs no scheduling: processes share nothing but the database and the broker.
 */
export class Turns {
  readonly #time: VirtualTime;
  readonly #random: TestRandom;
  readonly #trace: Trace;
  #waiting: Waiting[] = [];
  /** How many boundaries there were. */
  count = 0;

  constructor(time: VirtualTime, random: TestRandom, trace: Trace) {
    this.#time = time;
    this.#random = random;
    this.#trace = trace;
  }

  /** Waits for its turn, and does the work in it; in an open turn of the same code, at once. */
  async enter<T>(
    kind: BoundaryKind,
    what: string,
    work: (turn: Turn, note: (text: string) => void) => Promise<T>,
  ): Promise<T> {
    const actor = actorContext.getStore()?.actor;
    if (actor === undefined) throw new Error(`${what} was asked for outside of every simulated process`);
    const answer = Promise.withResolvers<T>();
    const go = async (fate: Fate): Promise<string> => {
      if (fate === 'refused') {
        answer.reject(lostConnection('ECONNREFUSED'));
        return 'never got there';
      }
      return this.#take(actor, { kind, what }, { fate, work, answer });
    };
    this.#waiting.push({ actor, kind, what, notBefore: 0, go });
    return answer.promise;
  }

  async #take<T>(
    actor: Actor,
    { kind, what }: { readonly kind: BoundaryKind; readonly what: string },
    {
      fate,
      work,
      answer,
    }: {
      readonly fate: Fate;
      readonly work: (turn: Turn, note: (text: string) => void) => Promise<T>;
      readonly answer: PromiseWithResolvers<T>;
    },
  ): Promise<string> {
    const notes: string[] = [];
    let over = Promise.withResolvers<string>();
    const suspend = async (): Promise<void> => {
      const resumed = Promise.withResolvers<void>();
      over.resolve(`committed in the middle${notes.length > 0 ? `: ${notes.join(', ')}` : ''}`);
      this.#waiting.push({
        actor,
        kind,
        what: `${what}, the rest`,
        notBefore: 0,
        go: async () => {
          over = Promise.withResolvers();
          resumed.resolve();
          return over.promise;
        },
      });
      await resumed.promise;
    };
    const turn: Turn = { isOpen: true, suspend };
    const done = actorContext.exit(() => work(turn, (text) => notes.push(text)));
    done.then(
      (result) => {
        turn.isOpen = false;
        if (fate === 'crash after') actor.isAlive = false;
        else if (fate === 'answer lost')
          answer.reject(kind === 'transaction' ? unknownCommit() : lostConnection('ECONNRESET'));
        else answer.resolve(result);
        over.resolve(notes.join(', '));
      },
      (error: unknown) => {
        turn.isOpen = false;
        answer.reject(error);
        over.resolve(`${notes.join(', ')} threw ${Error.isError(error) ? error.message.slice(0, 80) : 'something'}`);
      },
    );
    return withLimit(over.promise, what);
  }

  /** Whoever could have its turn now. */
  ready(): readonly Waiting[] {
    this.#waiting = this.#waiting.filter(({ actor }) => actor.isAlive);
    return this.#waiting.filter((one) => one.notBefore <= this.#time.now && !this.#time.isHeld(one.actor));
  }

  /** When the next one that is late arrives, or one that is frozen thaws. */
  nextAt(): number | undefined {
    const times = this.#waiting
      .filter(({ actor }) => actor.isAlive)
      .map(({ notBefore, actor }) => Math.max(notBefore, actor.frozenUntil));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  async grant(one: Waiting, fate: Fate): Promise<void> {
    this.#waiting.splice(this.#waiting.indexOf(one), 1);
    if (fate === 'crash before') one.actor.isAlive = false;
    const outcome = fate === 'crash before' ? '' : await one.go(fate);
    this.note(one.actor, `${one.kind} ${one.what}`, [outcome, fate === 'done' ? '' : `(${fate.toUpperCase()})`]);
  }

  /** One more boundary, in the trace. */
  note(actor: Actor, what: string, more: readonly string[] = []): void {
    this.count += 1;
    const text = [what, ...more.filter((part) => part !== '')].join(' ');
    this.#trace.add(`${String(this.count).padStart(5)} ${(this.#time.now / 1_000).toFixed(3)}s ${actor.name}: ${text}`);
  }

  pick<T>(from: readonly T[]): T {
    return this.#random.pick(from);
  }

  /** Something that happens by itself to a process: a job, a timer. */
  happen({ actor, what, go }: Possibility): void {
    this.note(actor, what);
    runAs(actor, go);
  }
}

function lostConnection(code: 'ECONNREFUSED' | 'ECONNRESET'): Error {
  return Object.assign(new Error(`simulated: ${code}`), { code });
}

function unknownCommit(): Error {
  return new CommitUnknown('simulated: the connection was lost during COMMIT', { cause: lostConnection('ECONNRESET') });
}

async function withLimit<T>(work: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`${what} hangs: it waits for something that is not simulated`)),
    hungMs,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
