/** One verb, or the code of an eval, to be run in an isolate of its owner. */
export interface FrameRequest {
  readonly t: 'frame';
  readonly frame: number;
  /** Frames of one owner may use the same isolate, one after another; frames of two owners never do. */
  readonly owner: string;
  /** The body of a function, types stripped and ticks inserted. */
  readonly code: string;
  /** What stack traces and error messages call it, such as `#12:greet`. */
  readonly file: string;
  /** What the prelude gets, as JSON: this, args, kwargs, names. */
  readonly input: string;
  readonly timeoutMs: number;
}

export type ToChild =
  | FrameRequest
  | { readonly t: 'reply'; readonly call: number; readonly text: string }
  /** The task is over: everything of it is disposed of. */
  | { readonly t: 'reset' };

/** Why a frame ended without an answer of its own. */
export type FrameFailure = 'timeout' | 'memory' | 'syntax' | 'broken';

export type FromChild =
  /** Sent once, when the walls are up. */
  | { readonly t: 'hello'; readonly walls: readonly string[] }
  | { readonly t: 'ready' }
  | { readonly t: 'call'; readonly frame: number; readonly call: number; readonly text: string }
  | { readonly t: 'end'; readonly frame: number; readonly text: string }
  | { readonly t: 'failed'; readonly frame: number; readonly failure: FrameFailure; readonly message: string };

/** Larger messages from a child are a violation: no value that the prelude lets through is as long. */
export const longestMessage = 2 * 1024 * 1024;

const failures: readonly string[] = ['timeout', 'memory', 'syntax', 'broken'];

/** The message, or undefined for anything that a child of ours would never send. */
export function parseFromChild(value: unknown): FromChild | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const message = new Map<string, unknown>(Object.entries(value));
  const keys = [...message.keys()].toSorted().join();
  const isCount = (key: string): boolean => Number.isSafeInteger(message.get(key)) && Number(message.get(key)) >= 0;
  const isText = (key: string): boolean => typeof message.get(key) === 'string';
  const isRight = {
    hello: keys === 't,walls' && Array.isArray(message.get('walls')),
    ready: keys === 't',
    call: keys === 'call,frame,t,text' && isCount('frame') && isCount('call') && isText('text'),
    end: keys === 'frame,t,text' && isCount('frame') && isText('text'),
    failed:
      keys === 'failure,frame,message,t' &&
      isCount('frame') &&
      isText('message') &&
      failures.includes(String(message.get('failure'))),
  };
  const kind = message.get('t');
  const known = typeof kind === 'string' && Object.hasOwn(isRight, kind) && isRight[kind as keyof typeof isRight];
  return known ? (value as FromChild) : undefined;
}
