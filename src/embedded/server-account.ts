import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ReeveError } from '../core/errors.ts';
import type { Notice } from './host-messages.ts';

const run = promisify(execFile);

/** The system user that a server runs as when Reeve itself runs as root, which PostgreSQL refuses to. */
export interface ServerAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The user to run the server of `pgdata` as; `undefined` means the present user, which is right unless that is root.
 *
 * For root it is the owner of an existing data folder, else the user `postgres`, else a `postgres` made with useradd,
 * else `nobody`.
 *
 * @throws EMBEDDED_POSTGRES_FAILED when there is no such user and none can be made.
 */
export async function serverAccount(pgdata: string, notice: Notice): Promise<ServerAccount | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(pgdata).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { name: `uid ${owner.uid}`, uid: owner.uid, gid: owner.gid };

  const existing = await knownAccount('postgres');
  if (existing !== undefined) return existing;
  const made = await makeAccount();
  if (made !== undefined) {
    notice('made the system user "postgres", because PostgreSQL refuses to run as root');
    return made;
  }
  const nobody = await knownAccount('nobody');
  if (nobody !== undefined) {
    notice('PostgreSQL refuses to run as root and the user "postgres" cannot be made; it runs as "nobody"');
    return nobody;
  }
  throw new ReeveError(
    'EMBEDDED_POSTGRES_FAILED',
    'PostgreSQL refuses to run as root, and this system has neither a user "postgres" nor "nobody" nor the command useradd; add a user "postgres", or set DATABASE_URL to a server of your own',
  );
}

/** The outermost folder on the way to `target`, itself included, that `account` may not enter or read; else `undefined`. */
export async function closedTo(account: ServerAccount, target: string): Promise<string | undefined> {
  const { root } = path.parse(target);
  const names = path.relative(root, target).split(path.sep);
  for (let depth = 0; depth <= names.length; depth += 1) {
    const place = path.join(root, ...names.slice(0, depth));
    const facts = await stat(place).catch(() => undefined);
    if (facts === undefined) return undefined;
    const shift = facts.uid === account.uid ? 6 : facts.gid === account.gid ? 3 : 0;
    const needed = place === target && facts.isFile() ? 0o5 : 0o1;
    if (((facts.mode >> shift) & needed) !== needed) return place;
  }
  return undefined;
}

/** Reads /etc/passwd itself: the command `id` is missing in small containers. */
async function knownAccount(name: string): Promise<ServerAccount | undefined> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const fields = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find((entry) => entry[0] === name);
  const uid = Number(fields?.[2]);
  const gid = Number(fields?.[3]);
  return Number.isInteger(uid) && uid > 0 && Number.isInteger(gid) ? { name, uid, gid } : undefined;
}

async function makeAccount(): Promise<ServerAccount | undefined> {
  await run('groupadd', ['--system', 'postgres']).catch(() => undefined);
  await run('useradd', ['--system', '--no-create-home', '--gid', 'postgres', 'postgres']).catch(() => undefined);
  return knownAccount('postgres');
}
