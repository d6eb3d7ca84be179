import type { Logger } from '../core/logging.ts';
import { storableText } from '../core/stored-error.ts';
import type { LogLevelName } from './messages.ts';

type Send = (level: LogLevelName, fields: object, message: string) => void;

/** A logger whose lines are written by the worker, with what they say of the step there. */
export function remoteLogger(send: Send, bound: object = {}): Logger {
  const at =
    (level: LogLevelName) =>
    (fields: object, message: string): void =>
      send(level, sendable({ ...bound, ...fields }), storableText(message, 8_192));
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => remoteLogger(send, { ...bound, ...fields }),
  };
}

/** What cannot leave its thread (a function, a socket) is sent as a text. */
function sendable(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]: [string, unknown]) => {
      try {
        return [name, structuredClone(value)];
      } catch {
        return [name, storableText(value, 1_000)];
      }
    }),
  );
}
