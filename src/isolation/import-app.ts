import { ReeveError } from '../core/errors.ts';
import { storeError } from '../core/stored-error.ts';
import type { AppModule } from './messages.ts';

/**
 * Imports what a module exports under a name: a value, a promise of it, or a function that returns either.
 *
 * @throws ISOLATION_UNAVAILABLE, which may pass (a deploy in place), when it cannot be imported or has no such export.
 */
export async function importApp({ module, exportName, preload }: AppModule): Promise<unknown> {
  let exported: Readonly<Record<string, unknown>>;
  let value: unknown;
  try {
    for (const url of preload) await import(url);
    exported = (await import(module)) as Readonly<Record<string, unknown>>;
    value = await resolved(exportOf(exported, exportName));
  } catch (error) {
    const { message, traceback } = storeError(error);
    const place = traceback.split('\n').find((line) => line.includes('file:') && !line.includes('/node_modules/'));
    throw new ReeveError(
      'ISOLATION_UNAVAILABLE',
      `${module} cannot be imported again: ${message}${place === undefined ? '' : `\n${place.trim()}`}`,
      { cause: error, retryable: true },
    );
  }
  if (value !== undefined) return value;
  const names = Object.keys(exported);
  const found = names.length === 0 ? 'it exports nothing' : `it exports ${names.join(', ')}`;
  throw new ReeveError('ISOLATION_UNAVAILABLE', `${module} has no export "${exportName}" that is a Reeve; ${found}`, {
    retryable: true,
  });
}

/** What compilers to CommonJS call the default export is a property of the real one. */
function exportOf(exported: Readonly<Record<string, unknown>>, name: string): unknown {
  const value = exported[name];
  const isInterop = name === 'default' && typeof value === 'object' && value !== null && '__esModule' in value;
  return isInterop && 'default' in value ? value.default : value;
}

async function resolved(value: unknown): Promise<unknown> {
  const awaited = await value;
  return typeof awaited === 'function' ? await (awaited as () => unknown)() : awaited;
}
