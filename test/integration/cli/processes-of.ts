import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * The processes of this machine that belong to a folder: by their working directory, as for the processes of
 * PostgreSQL, or by what stands in their command line or their environment. Linux only.
 */
export function processesOf(folder: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const command = read(() => readFileSync(`/proc/${name}/cmdline`, 'utf8')).replaceAll('\0', ' ');
      const places = [
        read(() => readlinkSync(`/proc/${name}/cwd`)),
        command,
        read(() => readFileSync(`/proc/${name}/environ`, 'utf8')),
      ];
      const isZombie = /^State:\s+Z/m.test(read(() => readFileSync(`/proc/${name}/status`, 'utf8')));
      return !isZombie && places.some((place) => place.includes(folder)) ? [{ pid: Number(name), command }] : [];
    });
}

/** A process may end while it is looked at. */
function read(look: () => string): string {
  try {
    return look();
  } catch {
    return '';
  }
}
