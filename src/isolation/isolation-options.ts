import { pathToFileURL } from 'node:url';
import path from 'node:path';
import { durationMs, type Duration } from '../core/duration.ts';
import { problemsError } from '../core/errors.ts';
import { unknownOptions } from '../core/options.ts';

export interface IsolationOptions {
  /**
   * The module whose import gives this Reeve again: `import.meta.url` in the file that exports it, which must not start a
   * worker itself. `reeve worker` and `reeve dev` know it without this.
   */
  readonly module?: string | URL;
  /** The export that is this Reeve, a promise of it, or a function that returns either. Default `default`. */
  readonly export?: string;
  /**
   * MB that one step's thread (its heap and buffers) or process (resident memory) may use. Above it is killed, which
   * counts as a crash of the step; after a step that left more than half in use it is replaced. Default 1024.
   */
  readonly memory?: number;
  /** After so many steps a thread or process is replaced by a fresh one. Default 1000. */
  readonly maxTasks?: number;
  /** How long the import of the module, and its first answer from the database, may take. Default `30s`. */
  readonly startTimeout?: Duration;
}

export interface IsolationSettings {
  /** A URL. */
  readonly module: string | undefined;
  readonly exportName: string;
  /** MB. */
  readonly memory: number;
  readonly maxTasks: number;
  readonly startTimeoutMs: number;
}

const known = ['module', 'export', 'memory', 'maxTasks', 'startTimeout'];

/** @throws CONFIGURATION_INVALID with all problems. */
export function parseIsolation(options: IsolationOptions): IsolationSettings {
  const { memory = 1_024, maxTasks = 1_000 } = options;
  const module = options.module === undefined ? undefined : moduleUrl(options.module);
  const problems = [
    ...unknownOptions(options, known, 'isolation'),
    ...(module === null
      ? [`isolation.module is ${JSON.stringify(options.module)}; use import.meta.url, a file: URL or an absolute path`]
      : []),
    ...(Number.isInteger(memory) && memory >= 32 ? [] : [`isolation.memory is ${memory}; use whole megabytes from 32`]),
    ...(Number.isInteger(maxTasks) && maxTasks >= 1
      ? []
      : [`isolation.maxTasks is ${maxTasks}; use a whole number from 1`]),
  ];
  if (problems.length > 0) throw problemsError('CONFIGURATION_INVALID', 'The isolation is wrong', problems);
  return {
    module: module ?? undefined,
    exportName: options.export ?? 'default',
    memory,
    maxTasks,
    startTimeoutMs: durationMs(options.startTimeout ?? '30s', 'isolation.startTimeout'),
  };
}

/** Null for what names no file for sure: a relative path would be looked for beside this package. */
function moduleUrl(module: string | URL): string | null {
  if (module instanceof URL) return module.href;
  if (/^(?:file|data):/.test(module)) return module;
  return path.isAbsolute(module) ? pathToFileURL(module).href : null;
}
