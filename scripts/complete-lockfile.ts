/**
 * Adds to package-lock.json the prebuilt packages of other platforms that the registry in use did not offer.
 *
 * A mirror that holds only one platform makes `npm install` leave those entries out, and `npm ci` then refuses the
 * file as incomplete. The platform is read from the package's name; the entries have no integrity until an
 * `npm install` against a full registry fills it in. With `--check` nothing is written.
 */
import { readFile, writeFile } from 'node:fs/promises';

interface LockedPackage {
  version?: string;
  dev?: true;
  optional?: true;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const processors = ['arm64', 'x64', 'arm', 'ppc64', 's390x', 'riscv64', 'loong64', 'ia32'];

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(await readFile(file, 'utf8')) as { packages: Record<string, LockedPackage> };
const missing = Object.entries(lock.packages).flatMap(([path, { dev, optionalDependencies = {} }]) =>
  Object.entries(optionalDependencies)
    .filter(([name]) => !isLocked(path, name))
    .map(([name, version]) => [`node_modules/${name}`, entryOf(name, version, dev)] as const),
);

if (missing.length === 0) {
  console.log('package-lock.json is complete');
} else if (process.argv.includes('--check')) {
  console.error('package-lock.json is incomplete; run `npm run lock:complete`. Missing:');
  for (const [path] of missing) console.error(`  ${path}`);
  process.exitCode = 1;
} else {
  Object.assign(lock.packages, Object.fromEntries(missing));
  const sorted = Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
  await writeFile(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
  console.log(`package-lock.json: added ${missing.length} entries`);
}

/** Whether a package at `path` finds `name` by Node's own walk up the tree. */
function isLocked(path: string, name: string): boolean {
  const parts = path.split('/node_modules/');
  return parts.concat('').some((_, depth) => {
    const directory = parts.slice(0, parts.length - depth).join('/node_modules/');
    return Object.hasOwn(lock.packages, `${directory === '' ? '' : `${directory}/`}node_modules/${name}`);
  });
}

function entryOf(name: string, version: string, dev: true | undefined): LockedPackage {
  const words = new Set(name.split(/[/-]/));
  const os = systems.find((system) => words.has(system));
  const cpu = processors.find((processor) => words.has(processor));
  if (os === undefined || cpu === undefined || !/^\d/.test(version)) {
    throw new Error(`the platform of ${name}@${version} cannot be read from its name`);
  }
  const libc = os !== 'linux' ? undefined : words.has('musl') ? 'musl' : words.has('gnu') ? 'glibc' : undefined;
  return {
    version,
    cpu: [cpu],
    ...(dev === true && { dev }),
    ...(libc !== undefined && { libc: [libc] }),
    optional: true,
    os: [os],
  };
}
