import type { Logger } from '../../src/index.ts';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that keeps what it is told. */
export function logLines(): { logger: Logger; lines: LogLine[]; at(level: string): LogLine[] } {
  const lines: LogLine[] = [];
  const loggerWith = (bound: Record<string, unknown>): Logger => {
    const write =
      (level: string) =>
      (fields: object, message: string): void => {
        lines.push({ level, message, fields: { ...bound, ...fields } });
      };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (fields) => loggerWith({ ...bound, ...fields }),
    };
  };
  return { logger: loggerWith({}), lines, at: (level) => lines.filter((line) => line.level === level) };
}
