import type { StoredError } from '../core/stored-error.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { HandlerAnswer } from '../tasks/step-handler.ts';

/** How an isolated side finds the app again. */
export interface AppModule {
  /** The URL of the module. */
  readonly module: string;
  /** The export that is the Reeve, a promise of it, or a function that returns either. */
  readonly exportName: string;
  /** URLs of modules that are imported before, such as one that lets Node import decorated classes. */
  readonly preload: readonly string[];
}

/** What a side has found when it imported the app; compared with what the worker has. */
export interface AppAbout {
  readonly tasks: readonly string[];
  readonly resources: readonly string[];
  readonly schema: string;
  /** Without the password. */
  readonly database: string;
}

/** A step as the isolated side gets it: without the token of the claim, so that it cannot write in its name. */
export type IsolatedStep = Omit<ClaimedStep, 'token'>;

const logLevelNames = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevelName = (typeof logLevelNames)[number];

export type ToSide =
  | { readonly t: 'run'; readonly run: number; readonly step: IsolatedStep }
  | { readonly t: 'abort'; readonly run: number; readonly code: string; readonly message: string }
  | { readonly t: 'reply'; readonly call: number; readonly value: unknown }
  | { readonly t: 'refuse'; readonly call: number; readonly error: StoredError };

/** `completed` and `await` belong to steps that are never isolated. */
export type SideAnswer = Exclude<HandlerAnswer, { readonly kind: 'completed' | 'await' }>;

export type FromSide =
  /** Sent once, when the app is imported and its database answers. */
  | { readonly t: 'hello'; readonly about: AppAbout }
  /** Sent instead, when that came to nothing. */
  | { readonly t: 'unable'; readonly error: StoredError }
  | {
      readonly t: 'call';
      readonly run: number;
      readonly call: number;
      readonly name: string;
      readonly args: readonly unknown[];
    }
  | {
      readonly t: 'log';
      readonly run: number;
      readonly level: LogLevelName;
      readonly fields: object;
      readonly message: string;
    }
  /** `memory`: MB in use, where the code has ended. */
  | { readonly t: 'end'; readonly run: number; readonly answer: SideAnswer; readonly memory: number }
  /** `isAbort`: what was thrown is the reason of the signal itself. */
  | {
      readonly t: 'failed';
      readonly run: number;
      readonly error: StoredError;
      readonly isAbort: boolean;
      readonly memory: number;
    };

type Check = (value: unknown) => boolean;

const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isNumber: Check = (value) => typeof value === 'number';
const isText: Check = (value) => typeof value === 'string';
const isFlag: Check = (value) => typeof value === 'boolean';
const isList: Check = Array.isArray;
const isObject: Check = (value) => typeof value === 'object' && value !== null;
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const has =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(checks).every(([key, check]) => check((value as Record<string, unknown>)[key]));
const orAbsent =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const isError = has({ code: isText, message: isText, traceback: isText, retryable: isFlag, permanent: isFlag });

const answers: Readonly<Record<SideAnswer['kind'], Check>> = {
  succeeded: has({ added: orAbsent(isList) }),
  failed: has({ error: isError }),
  again: has({ delayMs: (value) => typeof value === 'number' && value >= 0, error: orAbsent(isError) }),
};

const isAnswer: Check = (value) => {
  if (!isObject(value)) return false;
  const { kind } = value as { readonly kind: unknown };
  return isText(kind) && Object.hasOwn(answers, kind as string) && answers[kind as SideAnswer['kind']](value);
};

const messages: Readonly<Record<FromSide['t'], Check>> = {
  hello: has({ about: has({ tasks: isTexts, resources: isTexts, schema: isText, database: isText }) }),
  unable: has({ error: isError }),
  call: has({ run: isCount, call: isCount, name: isText, args: isList }),
  log: has({
    run: isCount,
    level: (value) => logLevelNames.includes(value as LogLevelName),
    fields: isObject,
    message: isText,
  }),
  end: has({ run: isCount, answer: isAnswer, memory: isNumber }),
  failed: has({ run: isCount, error: isError, isAbort: isFlag, memory: isNumber }),
};

/**
 * The message, or undefined for what is none: the code of the app may send messages of its own over the same channel.
 */
export function parseFromSide(value: unknown): FromSide | undefined {
  if (!isObject(value)) return undefined;
  const { t } = value as { readonly t: unknown };
  const isRight = isText(t) && Object.hasOwn(messages, t as string) && messages[t as FromSide['t']](value);
  return isRight ? (value as FromSide) : undefined;
}
