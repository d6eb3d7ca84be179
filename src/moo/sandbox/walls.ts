import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** A wall between user code that has escaped from its isolate and the machine. */
type Wall = 'permissions' | 'account' | 'network' | 'limits';

/** How a child is started on this machine. */
export interface LaunchPlan {
  readonly command: string;
  /** Before the child's own options. */
  readonly args: readonly string[];
  readonly account: number | null;
  /** What this machine cannot give, with the reason. */
  readonly missing: readonly { readonly wall: Wall; readonly reason: string }[];
}

/** The account without rights that every Linux has: nobody. */
const nobody = 65_534;

/** No files to write, no dump of memory, few descriptors, and an end even if nobody is left to kill the child. */
const processLimits = ['--fsize=0', '--core=0', '--nofile=64', '--memlock=0', '--cpu=900'];

const nodeFlags = [
  '--no-node-snapshot',
  '--no-experimental-sqlite',
  '--no-experimental-websocket',
  '--disable-proto=delete',
  '--disable-sigusr1',
  '--no-warnings',
  '--max-old-space-size=64',
];

const require = createRequire(import.meta.url);

/** What the child's own program needs to read while it starts; undefined where isolated-vm is not installed. */
function readableFolders(entry: string): string[] | undefined {
  try {
    const isolatedVm = path.dirname(require.resolve('isolated-vm/package.json'));
    const loader = path.dirname(createRequire(`${isolatedVm}/`).resolve('node-gyp-build/package.json'));
    const here = path.dirname(fileURLToPath(import.meta.url));
    const scopes = [here, path.dirname(entry)].flatMap((folder) => parentsOf(folder).map((up) => `${up}/package.json`));
    // Where node_modules is a symbolic link, or what is in it, Node looks there under its first name.
    const linked = parentsOf(here)
      .map((up) => path.join(up, 'node_modules', 'isolated-vm'))
      .filter((folder) => existsSync(folder));
    // The loader of isolated-vm looks there to tell the C library.
    return [...new Set([here, path.dirname(entry), isolatedVm, ...linked, loader, '/etc/alpine-release', ...scopes])];
  } catch {
    return undefined;
  }
}

function parentsOf(folder: string): string[] {
  const up = path.dirname(folder);
  return up === folder ? [folder] : [folder, ...parentsOf(up)];
}

const found = new Map<string, boolean>();

/** Whether the machine has the program and lets us use it so; asked once. */
function works(command: string, args: readonly string[]): boolean {
  const key = [command, ...args].join(' ');
  const known = found.get(key);
  if (known !== undefined) return known;
  const done = spawnSync(command, [...args, 'true'], { timeout: 5_000, stdio: 'ignore' });
  found.set(key, done.status === 0);
  return done.status === 0;
}

/**
 * The walls that this machine has, from the outside in: a network namespace without any network, process limits, Node's
 * permission model, an account without rights.
 *
 * @param entry - The program of the child, absolute.
 * @param isWalled - `false` only in tests that show what the walls are for.
 */
export function launchPlan(entry: string, isWalled = true): LaunchPlan | undefined {
  const readable = readableFolders(entry);
  if (readable === undefined) return undefined;
  const node = [process.execPath, ...nodeFlags];
  if (!isWalled) {
    return {
      command: process.execPath,
      args: [...nodeFlags.slice(0, 1), '--no-warnings', entry],
      account: null,
      missing: [],
    };
  }
  const missing: { wall: Wall; reason: string }[] = [];
  const isRoot = process.getuid?.() === 0;
  if (!isRoot) missing.push({ wall: 'account', reason: 'only root can give itself up for another account' });
  const words: string[] = [];
  const unshare = isRoot ? ['--net', '--'] : ['--user', '--map-current-user', '--net', '--'];
  if (process.platform === 'linux' && works('unshare', unshare)) words.push('unshare', ...unshare);
  else missing.push({ wall: 'network', reason: 'no network namespace can be made here (unshare --net)' });
  if (process.platform === 'linux' && works('prlimit', [...processLimits, '--'])) {
    words.push('prlimit', ...processLimits, '--');
  } else missing.push({ wall: 'limits', reason: 'prlimit is not available' });
  const permissions = ['--permission', '--allow-addons', ...readable.map((folder) => `--allow-fs-read=${folder}`)];
  const [command, ...args] = [...words, ...node, ...permissions, entry];
  return { command: command ?? process.execPath, args, account: isRoot ? nobody : null, missing };
}

/** The program of the child beside this file, built or not. */
export function childEntry(): string {
  const here = fileURLToPath(import.meta.url);
  return path.join(path.dirname(here), `child-main${path.extname(here)}`);
}
