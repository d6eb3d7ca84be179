import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { ReeveError } from '../core/errors.ts';
import type { Notice } from './host-messages.ts';
import { errorCode } from './process-table.ts';
import { closedTo, serverAccount, type ServerAccount } from './server-account.ts';

const markerName = 'reeve-postgres.json';
const draftPrefix = 'pgdata.draft-';

/**
 * A folder that belongs to this module.
 *
 * `reeve-postgres.json` marks it as ours, `pgdata` is the data directory of the server, `password` (mode 0600) is the
 * password of the superuser, `host.json` names the host process while one is at work.
 */
export interface DataFolder {
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly pgdata: string;
  /** The user the server runs as; `undefined` is the present one. */
  readonly account: ServerAccount | undefined;
}

/**
 * Opens or makes the folder `asked`.
 *
 * For root, a folder that the server's user cannot reach is replaced by /var/tmp/reeve-HASH, where HASH is made from
 * the asked path, so that the same path leads to the same data again.
 *
 * @throws EMBEDDED_POSTGRES_FAILED for a folder with files of somebody else, which are left as they are.
 */
export async function openDataFolder(asked: string, notice: Notice): Promise<DataFolder> {
  const wanted = path.resolve(asked);
  await refuseForeign(wanted);
  const account = await serverAccount(path.join(wanted, 'pgdata'), notice);
  const closed = account === undefined ? undefined : await closedTo(account, path.dirname(wanted));
  if (account === undefined || closed === undefined) return prepare(wanted, account);

  const hash = createHash('sha256').update(wanted).digest('hex').slice(0, 16);
  const reachable = `/var/tmp/reeve-${hash}`;
  await refuseForeign(reachable);
  notice(
    `${closed} is closed to the user ${account.name} that PostgreSQL runs as; the data is in ${reachable} instead of ${wanted}`,
  );
  return prepare(reachable, await serverAccount(path.join(reachable, 'pgdata'), notice));
}

/** Whether the data directory was finished; remains of an unfinished one are cleared away, with a notice. */
export async function isInitialised(folder: DataFolder, notice: Notice): Promise<boolean> {
  for (const name of await readdir(folder.path)) {
    if (!name.startsWith(draftPrefix)) continue;
    // An initdb without its parent may write on for a moment.
    await rm(path.join(folder.path, name), { recursive: true, force: true, maxRetries: 20 });
    notice(`removed ${path.join(folder.path, name)}, which an interrupted start left unfinished`);
  }
  if (await exists(path.join(folder.pgdata, 'PG_VERSION'))) return true;
  if (await exists(folder.pgdata)) {
    const aside = `${folder.pgdata}.unfinished-${randomBytes(4).toString('hex')}`;
    await rename(folder.pgdata, aside);
    notice(`${folder.pgdata} was not a complete data directory; moved it to ${aside} and made a new one`);
  }
  return false;
}

/**
 * Makes the data directory with a new password: all or nothing, however this process ends.
 *
 * @param fill - Runs initdb on the given empty folder, with the password from the given file.
 */
export async function initialise(
  folder: DataFolder,
  fill: (draft: string, passwordFile: string) => Promise<void>,
): Promise<void> {
  const suffix = randomBytes(4).toString('hex');
  const draft = path.join(folder.path, draftPrefix + suffix);
  const passwordFile = path.join(folder.path, `${draftPrefix}${suffix}.password`);
  const password = randomBytes(24).toString('base64url');
  try {
    await mkdir(draft, { mode: 0o700 });
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    await giveTo(folder.account, draft, passwordFile);
    await fill(draft, passwordFile);
    await rename(passwordFile, passwordPath(folder));
    await giveTo(
      process.getuid === undefined ? undefined : { uid: process.getuid(), gid: process.getgid?.() ?? 0 },
      passwordPath(folder),
    );
    await rename(draft, folder.pgdata);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    await rm(passwordFile, { force: true });
    throw error;
  }
}

/** The password of the superuser. */
export async function storedPassword(folder: DataFolder): Promise<string> {
  try {
    return (await readFile(passwordPath(folder), 'utf8')).trim();
  } catch (error) {
    throw new ReeveError(
      'EMBEDDED_POSTGRES_FAILED',
      `the password file ${passwordPath(folder)} cannot be read; put it back, or remove ${folder.path} to start with an empty database`,
      { cause: error },
    );
  }
}

async function refuseForeign(folder: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw new ReeveError(
      'EMBEDDED_POSTGRES_FAILED',
      `the data folder ${folder} cannot be opened (${String(errorCode(error))}); choose another folder`,
    );
  }
  if (names.length > 0 && !names.includes(markerName)) {
    throw new ReeveError(
      'EMBEDDED_POSTGRES_FAILED',
      `${folder} holds files that Reeve did not make (${names.slice(0, 3).join(', ')} …); nothing was touched; choose an empty or a new folder`,
    );
  }
}

async function prepare(wanted: string, account: ServerAccount | undefined): Promise<DataFolder> {
  const mode = account === undefined ? 0o700 : 0o711;
  const firstMade = await mkdir(wanted, { recursive: true, mode });
  // The umask took bits away from new folders; the server's user must be able to pass through them.
  for (let place = wanted; firstMade !== undefined && place.length >= firstMade.length; place = path.dirname(place)) {
    await chmod(place, mode);
  }
  const real = await realpath(wanted);
  const facts = await lstat(real);
  if (process.getuid !== undefined && facts.uid !== process.getuid()) {
    throw new ReeveError(
      'EMBEDDED_POSTGRES_FAILED',
      `the data folder ${real} belongs to uid ${facts.uid}; choose another folder`,
    );
  }
  await chmod(real, mode);
  await writeMarker(path.join(real, markerName));
  return { path: real, pgdata: path.join(real, 'pgdata'), account };
}

async function writeMarker(file: string): Promise<void> {
  try {
    const handle = await open(file, 'wx', 0o644);
    await handle.writeFile('{ "madeBy": "reeve", "holds": "embedded PostgreSQL" }\n');
    await handle.close();
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

async function giveTo(owner: { uid: number; gid: number } | undefined, ...places: string[]): Promise<void> {
  if (owner === undefined) return;
  for (const place of places) await chown(place, owner.uid, owner.gid);
}

function passwordPath(folder: DataFolder): string {
  return path.join(folder.path, 'password');
}

async function exists(place: string): Promise<boolean> {
  return stat(place).then(
    () => true,
    () => false,
  );
}
