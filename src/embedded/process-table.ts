import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/** Whether a process has that id. A zombie and a process of another user count as alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/**
 * Whether process `pid` is the PostgreSQL server of `pgdata`, and not a stranger that got the pid later.
 *
 * Where the system does not tell (Windows), a live process is taken for the server: nothing of a live server may be
 * removed by mistake.
 */
export function servesFolder(pid: number, pgdata: string): boolean {
  if (!isAlive(pid)) return false;
  if (process.platform === 'linux') {
    try {
      // A server changes into its data folder when it starts and never leaves it.
      return readlinkSync(`/proc/${pid}/cwd`) === pgdata;
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') return false;
    }
  }
  const line = commandLine(pid);
  return line === undefined || line.includes('postgres');
}

/** Whether process `pid` is a host process of this module; a live process is taken for one where the system does not tell. */
export function isHostProcess(pid: number): boolean {
  if (!isAlive(pid)) return false;
  const line = commandLine(pid);
  return line === undefined || line.includes('host-process');
}

/** The `code` of a system error, `undefined` for any other value. */
export function errorCode(error: unknown): string | undefined {
  return Error.isError(error) && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Empty for a zombie or a process that is gone, `undefined` where the system does not tell. */
function commandLine(pid: number): string | undefined {
  if (process.platform === 'win32') return undefined;
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return isAlive(pid) ? undefined : '';
  }
}
