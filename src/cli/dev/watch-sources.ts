import { readdirSync, statSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';

const source = /\.[mc]?[jt]s$/;
const skipped = new Set(['node_modules', 'dist', 'coverage']);
const settleMs = 100;

/** Tells of changed sources. */
export interface SourceWatch {
  /** The file that changed, now or since the last answer; a save that touches several files is one change. */
  next(): Promise<string>;
  close(): void;
}

/**
 * Watches the .ts and .js files in a folder and the folders in it, those that are made later included. Packages, built
 * files and hidden folders are not watched.
 */
export function watchSources(root: string, ignored: readonly string[] = []): SourceWatch {
  const watchers = new Map<string, FSWatcher>();
  let changed: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let waiter: ((file: string) => void) | undefined;

  const settle = (): void => {
    timer = undefined;
    if (waiter === undefined || changed === undefined) return;
    waiter(changed);
    waiter = undefined;
    changed = undefined;
  };
  const touch = (file: string): void => {
    changed ??= file;
    clearTimeout(timer);
    timer = setTimeout(settle, settleMs);
  };
  const onEvent = (folder: string, name: string | null): void => {
    if (name === null) return;
    const file = path.join(folder, name);
    if (source.test(name)) touch(file);
    else if (isFolder(file)) add(file);
  };
  const add = (folder: string): void => {
    if (watchers.has(folder) || ignored.includes(folder)) return;
    const watcher = watch(folder, (_event, name) => onEvent(folder, name));
    watchers.set(folder, watcher);
    const forget = (): void => {
      watcher.close();
      watchers.delete(folder);
    };
    watcher.on('error', forget);
    for (const name of foldersIn(folder)) add(path.join(folder, name));
  };
  add(root);
  return {
    next() {
      const { promise, resolve } = Promise.withResolvers<string>();
      waiter = resolve;
      if (changed !== undefined && timer === undefined) settle();
      return promise;
    },
    close() {
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !skipped.has(entry.name))
      .map((entry) => entry.name);
  } catch {
    // It was removed in the meantime.
    return [];
  }
}

function isFolder(file: string): boolean {
  const name = path.basename(file);
  if (name.startsWith('.') || skipped.has(name)) return false;
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
