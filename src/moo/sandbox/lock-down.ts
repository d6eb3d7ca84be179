import process from 'node:process';

/** What a child is told on its command line, as JSON. */
export interface ChildOptions {
  readonly isolateMb: number;
  /** How many isolates are kept ready. */
  readonly spare: number;
  /** The account that root gives itself up for; null where the parent is not root. */
  readonly account: number | null;
}

/**
 * The last walls, once everything that is needed is loaded: no more native code, no more files, no way back to root.
 * Answers which of them stand.
 */
export function lockDown(account: number | null): string[] {
  const walls: string[] = [];
  Object.defineProperty(process, 'dlopen', { value: undefined, writable: false, configurable: false });
  const permission = process.permission as unknown as { drop?: (scope: string) => void; has(scope: string): boolean };
  if (permission !== undefined) {
    for (const scope of ['addon', 'fs.read', 'inspector']) {
      try {
        permission.drop?.(scope);
      } catch {
        continue;
      }
    }
    if (!permission.has('fs.read')) walls.push('files');
    walls.push('permissions');
  }
  if (account !== null && process.setgroups !== undefined && process.setgid !== undefined) {
    process.setgroups([]);
    process.setgid(account);
    process.setuid?.(account);
    if (process.getuid?.() === account) walls.push('account');
  }
  return walls;
}
