import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ReeveError } from '../core/errors.ts';
import type { Reeve } from '../reeve.ts';
import type { LoadedFrom } from '../reeve-isolation.ts';
import { configFailure } from './config-failure.ts';
import { shown } from './shown-path.ts';
import { transformDecorators } from './transform-decorators.ts';

/** An app whose config was loaded; nothing is connected yet, unless the config did so itself. */
export interface App {
  /** The config, absolute. */
  readonly file: string;
  readonly reeve: Reeve;
}

/**
 * Imports a config. Its default export is what `defineReeve` returned, or a promise of it, or a function that returns
 * either.
 *
 * @throws CONFIGURATION_INVALID, with file and line of the app's sources where they are to blame.
 */
export async function loadApp(file: string): Promise<App> {
  const loaded = transformDecorators();
  let exported: Readonly<Record<string, unknown>>;
  let value: unknown;
  try {
    exported = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
    value = await resolved(defaultOf(exported));
  } catch (error) {
    throw configFailure(file, error, loaded);
  }
  if (isReeve(value)) return { file, reeve: value };
  throw new ReeveError(
    'CONFIGURATION_INVALID',
    `${shown(file)} must have a default export that is a Reeve: export default defineReeve({…}); ${found(value, exported)}`,
    { details: { config: file } },
  );
}

/** How threads and processes for isolated steps import the config again, decorated classes included. */
export function loadedFrom(file: string): LoadedFrom {
  const here = fileURLToPath(import.meta.url);
  const preload = new URL(`isolated-preload${path.extname(here)}`, import.meta.url);
  return { module: file, preload: [preload.href] };
}

/** Closes everything that commands may have opened, the DataSource of the app last; it may be called at any time. */
export async function closeApp({ reeve }: App): Promise<void> {
  await reeve.close();
  const { dataSource } = reeve.options;
  if (dataSource.isInitialized) await dataSource.destroy();
}

/** What compilers to CommonJS call the default export is a property of the real one. */
function defaultOf(exported: Readonly<Record<string, unknown>>): unknown {
  const value = exported['default'];
  const isInterop = typeof value === 'object' && value !== null && '__esModule' in value && 'default' in value;
  return isInterop ? value.default : value;
}

async function resolved(value: unknown): Promise<unknown> {
  const awaited = await value;
  return typeof awaited === 'function' ? await (awaited as () => unknown)() : awaited;
}

/** By its shape: the app may have another copy of this package than the command. */
function isReeve(value: unknown): value is Reeve {
  if (typeof value !== 'object' || value === null || !('options' in value)) return false;
  const methods = ['migrate', 'startWorker', 'execution', 'executions', 'status', 'ready', 'close'];
  const options = value.options;
  const isComplete = methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
  return isComplete && typeof options === 'object' && options !== null && 'dataSource' in options;
}

function found(value: unknown, exported: Readonly<Record<string, unknown>>): string {
  if (value === undefined) {
    const names = Object.keys(exported).filter((name) => name !== 'default');
    if ('default' in exported) return 'it is undefined';
    return names.length === 0 ? 'it exports nothing' : `it has none, only exports named ${names.join(', ')}`;
  }
  if (typeof value !== 'object' || value === null) return `it is ${JSON.stringify(value) ?? typeof value}`;
  const keys = Object.keys(value);
  if ('dataSource' in value) return `it is an object with dataSource; pass it to defineReeve`;
  const name = value.constructor?.name ?? 'Object';
  if (name !== 'Object') return `it is a ${name}`;
  return keys.length === 0 ? 'it is an empty object' : `it is an object with ${keys.slice(0, 8).join(', ')}`;
}
