import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { ReeveError } from '../core/errors.ts';

const waitLimitMs = 10_000;

/**
 * Runs `work` while no other holder of `lockFile` does, in this process or another one of this machine. A lock whose
 * process died is taken over.
 *
 * @throws BACKEND_UNAVAILABLE when the lock did not come free within 10 s.
 */
export async function withFileLock<T>(lockFile: string, work: () => Promise<T>): Promise<T> {
  const draft = `${lockFile}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, `${process.pid} ${randomBytes(6).toString('hex')}`, { mode: 0o600 });
  try {
    await takeLock(draft, lockFile);
  } finally {
    await rm(draft, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(lockFile, { force: true });
  }
}

async function takeLock(draft: string, lockFile: string): Promise<void> {
  const deadline = Date.now() + waitLimitMs;
  for (;;) {
    try {
      // A link appears with its whole content or not at all, and never replaces another.
      await link(draft, lockFile);
      return;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    const held = await readFile(lockFile, 'utf8').catch(() => undefined);
    if (held !== undefined && !isAlive(Number.parseInt(held, 10))) await removeIfUnchanged(lockFile, held);
    if (Date.now() > deadline) {
      throw new ReeveError(
        'BACKEND_UNAVAILABLE',
        `the lock ${lockFile} is held by pid ${String(held).split(' ')[0]} for more than ${waitLimitMs / 1_000} s; remove the file if that process does not use it`,
        { retryable: true },
      );
    }
    if (held !== undefined) await pause(2 + Math.random() * 10);
  }
}

/** Several may find the same dead lock: a lock that was taken anew in the meantime is put back. */
async function removeIfUnchanged(lockFile: string, judged: string): Promise<void> {
  const aside = `${lockFile}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(lockFile, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== judged) await link(aside, lockFile).catch(() => undefined);
  await rm(aside, { force: true });
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

function hasCode(error: unknown, code: string): boolean {
  return Error.isError(error) && 'code' in error && error.code === code;
}
