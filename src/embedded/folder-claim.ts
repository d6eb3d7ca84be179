import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ReeveError } from '../core/errors.ts';
import type { DataFolder } from './data-folder.ts';
import type { Notice } from './host-messages.ts';
import { errorCode, isHostProcess, servesFolder } from './process-table.ts';

const orphanStopMs = 60_000;

interface HostRecord {
  readonly hostPid: number;
  /** The process that asked for the server. */
  readonly startedBy: number;
}

/** The right of one host process to work on a data folder. */
export interface FolderClaim {
  release(): Promise<void>;
}

/**
 * Claims the folder for this process and clears away what an unclean stop left: a server whose host is dead is stopped,
 * a stale postmaster.pid is removed. The caller is told of both.
 *
 * @throws EMBEDDED_POSTGRES_FAILED when a live server or a live host process is at work on the folder.
 */
export async function claimFolder(folder: DataFolder, startedBy: number, notice: Notice): Promise<FolderClaim> {
  const record = path.join(folder.path, 'host.json');
  const left = await takeRecord(
    folder,
    record,
    JSON.stringify({ hostPid: process.pid, startedBy } satisfies HostRecord),
  );
  try {
    await clearServer(folder, left, notice);
  } catch (error) {
    await rm(record, { force: true });
    throw error;
  }
  return { release: () => rm(record, { force: true }) };
}

/** Writes our record and returns that of a dead host, if one was left. */
async function takeRecord(folder: DataFolder, record: string, text: string): Promise<HostRecord | undefined> {
  const draft = `${record}.${randomBytes(6).toString('hex')}`;
  let left: HostRecord | undefined;
  await writeFile(draft, text);
  try {
    for (;;) {
      try {
        // A link appears with its whole content or not at all, and never replaces another.
        await link(draft, record);
        return left;
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
      }
      const found = await readFile(record, 'utf8').catch(() => undefined);
      if (found === undefined) continue;
      const holder = parseRecord(found);
      if (holder !== undefined && isHostProcess(holder.hostPid)) throw inUse(folder, await serverPid(folder), holder);
      left = holder;
      await removeIfUnchanged(record, found);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** Two starts may find the same dead record: only the one that moved that very record away goes on. */
async function removeIfUnchanged(record: string, judged: string): Promise<void> {
  const aside = `${record}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(record, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== judged) await link(aside, record).catch(() => undefined);
  await rm(aside, { force: true });
}

async function clearServer(folder: DataFolder, left: HostRecord | undefined, notice: Notice): Promise<void> {
  const pid = await serverPid(folder);
  const lockFile = path.join(folder.pgdata, 'postmaster.pid');
  if (pid !== undefined && servesFolder(pid, folder.pgdata)) {
    if (left === undefined) throw inUse(folder, pid, undefined);
    notice(
      `stopped the PostgreSQL server ${pid} of ${folder.path}; the process that started it died without stopping it`,
    );
    await stopOrphan(folder, pid);
  } else if (pid !== undefined) {
    await rm(lockFile, { force: true });
    notice(
      `removed the stale lock file ${lockFile}; its server ${pid} was not stopped cleanly, so PostgreSQL recovers first`,
    );
  }
}

async function stopOrphan(folder: DataFolder, pid: number): Promise<void> {
  process.kill(pid, 'SIGINT');
  const deadline = Date.now() + orphanStopMs;
  while (servesFolder(pid, folder.pgdata)) {
    if (Date.now() > deadline) {
      throw new ReeveError(
        'EMBEDDED_POSTGRES_FAILED',
        `the PostgreSQL server ${pid} of ${folder.path} did not stop within ${orphanStopMs / 1_000} s; end it by hand`,
      );
    }
    await pause(20);
  }
}

async function serverPid(folder: DataFolder): Promise<number | undefined> {
  const text = await readFile(path.join(folder.pgdata, 'postmaster.pid'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const pid = Math.abs(Number.parseInt(text, 10));
  // An empty or torn lock file names no process; -1 is never alive, so it counts as stale.
  return Number.isInteger(pid) && pid > 0 ? pid : -1;
}

function inUse(folder: DataFolder, pid: number | undefined, holder: HostRecord | undefined): ReeveError {
  const user = pid ?? holder?.hostPid;
  const starter = holder === undefined ? '' : `, started by pid ${holder.startedBy}`;
  const advice = holder === undefined ? 'stop that server first' : 'stop that reeve first';
  return new ReeveError(
    'EMBEDDED_POSTGRES_FAILED',
    `data folder ${folder.path} is in use by pid ${user}${starter}; ${advice} or choose another folder`,
  );
}

function parseRecord(text: string): HostRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('hostPid' in value) || !('startedBy' in value))
      return undefined;
    const { hostPid, startedBy } = value;
    return typeof hostPid === 'number' && typeof startedBy === 'number' ? { hostPid, startedBy } : undefined;
  } catch {
    return undefined;
  }
}
