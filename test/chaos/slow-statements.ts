import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

type Query = (this: pg.Client & { connectionParameters: { application_name?: string } }, ...args: unknown[]) => unknown;
interface Answer {
  readonly rows: readonly unknown[];
}
type Callback = (error: unknown, result?: Answer) => void;

const hasRows = (rows: readonly unknown[]): boolean => rows.length > 0;

/** A question whose answer is acted upon later: the moment in between is where a guard must hold. */
export interface LateAnswer {
  readonly what: string;
  /** In the text of the statement. */
  readonly statement: RegExp;
  /** Whether something is done about the answer; default: where there are rows in it. */
  readonly when?: (rows: readonly unknown[]) => boolean;
  readonly share: number;
  readonly shortestMs: number;
  readonly longestMs: number;
}

export const lateAnswers: readonly LateAnswer[] = [
  {
    what: 'a lease is renewed between the look of the reaper and its end of the claim',
    statement: /ORDER BY s\.lease_until LIMIT/,
    share: 0.9,
    shortestMs: 200,
    longestMs: 1_500,
  },
  {
    what: 'two admit from one line at once',
    statement: /SELECT t\.key, .* AS room, t\.held/s,
    when: (rows) => rows.some((row) => (row as { room: number }).room > 0),
    share: 0.8,
    shortestMs: 20,
    longestMs: 250,
  },
  {
    what: 'two beats see the same due time',
    statement: /FROM \w+\.schedule AS s\s+WHERE s\.enabled AND s\.next_due_at <=/,
    share: 0.5,
    shortestMs: 10,
    longestMs: 200,
  },
];

/** What is held back on a connection: what is asked after it is sent after it, as the driver would do it. */
const heldBack = new WeakMap<object, Promise<unknown>>();

/**
 * Lets statements come late now and then, so that transactions meet in more ways than they would on one quiet machine.
 * A connection keeps its order. BullMQ's own connections are left alone: it listens to no errors of a connection between
 * two statements of its start (6.7.0).
 */
export function slowStatements(share: number, longestMs: number): void {
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const { query } = prototype;
  prototype.query = function slowed(...args) {
    const text = statementText(args[0]);
    if (this.connectionParameters.application_name === 'reeve broker' || text === undefined) {
      return query.apply(this, args);
    }
    const late = lateAnswers.find(({ statement }) => statement.test(text));
    const callback = args.at(-1);
    if (typeof callback === 'function') {
      const call = late === undefined ? args : [...args.slice(0, -1), lateCall(late, callback as Callback)];
      return inOrder(this, undefined, () => query.apply(this, call));
    }
    const pauseMs = Math.random() < share ? Math.random() * longestMs : undefined;
    const answer = inOrder(this, pauseMs, () => query.apply(this, args));
    return late === undefined ? answer : comesLate(late, answer as Promise<Answer>);
  };
}

function inOrder<T>(client: object, pauseMs: number | undefined, send: () => T): T | Promise<T> {
  const before = heldBack.get(client);
  if (before === undefined && pauseMs === undefined) return send();
  const turn = Promise.all([before, pauseMs === undefined ? undefined : pause(pauseMs)]).then(() => {
    if (heldBack.get(client) === turn) heldBack.delete(client);
  });
  heldBack.set(client, turn);
  return turn.then(send);
}

/** Of a text or of what is asked as a prepared statement; undefined for what takes care of its own answers. */
export function statementText(asked: unknown): string | undefined {
  if (typeof asked === 'string') return asked;
  if (asked === null || typeof asked !== 'object' || 'submit' in asked) return undefined;
  return (asked as { text?: string }).text;
}

function lateCall(late: LateAnswer, callback: Callback): Callback {
  return (error, result) => {
    const waitMs = result === undefined ? 0 : delayOf(late, result);
    if (waitMs === 0) callback(error, result);
    else setTimeout(callback, waitMs, error, result);
  };
}

async function comesLate<T extends Answer>(late: LateAnswer, answer: Promise<T>): Promise<T> {
  const result = await answer;
  await pause(delayOf(late, result));
  return result;
}

function delayOf({ when = hasRows, share, shortestMs, longestMs }: LateAnswer, { rows }: Answer): number {
  if (!when(rows) || Math.random() >= share) return 0;
  return shortestMs + Math.random() * (longestMs - shortestMs);
}
