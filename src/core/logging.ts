import { pino, type Logger as PinoLogger } from 'pino';

/** What Reeve logs through: a pino logger, or anything with the same four methods and `child`. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: Record<string, unknown>): Logger;
}

export const logLevels = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];

const redacted = ['password', 'secret', 'token', 'authorization', 'apiKey'];

/** A JSON logger on standard error, so that standard output stays for results. Values under secret names are hidden. */
export function createLogger(level: LogLevel = 'info'): Logger {
  const logger: PinoLogger = pino(
    {
      level,
      base: { pid: process.pid },
      // Our own errors are stored ones already, plain objects that the standard serializer would empty.
      serializers: { err: (value: unknown) => (Error.isError(value) ? pino.stdSerializers.err(value) : value) },
      redact: { paths: redacted.flatMap((name) => [name, `*.${name}`]), censor: '[hidden]' },
    },
    pino.destination({ dest: 2, sync: true }),
  );
  return logger;
}
