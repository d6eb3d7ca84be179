import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

/** Processor time in milliseconds, of this process and of those that it has started. */
export interface CpuUse {
  readonly own: number;
  readonly sandbox: number;
  readonly postgres: number;
  /** Of one that the benchmark has started. */
  readonly redis: number;
}

interface Row {
  readonly parent: number;
  readonly ms: number;
  /** Of children that have ended. */
  readonly endedMs: number;
  readonly command: string;
}

const tickMs = 10;

/** From /proc, so on Linux only; zeros elsewhere. */
export function cpuUse(): CpuUse {
  const all = new Map(processIds().flatMap((pid) => rowOf(pid) ?? []));
  const use = { own: 0, sandbox: 0, postgres: 0, redis: 0 };
  for (const [pid, { ms, endedMs, command }] of all) {
    if (pid === process.pid) {
      use.own += ms;
      use.sandbox += endedMs;
    } else if (isOurs(all, pid)) {
      if (command.includes('child-main')) use.sandbox += ms;
      else if (command.includes('redis-server')) use.redis += ms;
      else use.postgres += ms + endedMs;
    }
  }
  return use;
}

function processIds(): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

function rowOf(pid: number): [[number, Row]] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [parent = 0, user = 0, system = 0, endedUser = 0, endedSystem = 0] = [fields[1], ...fields.slice(11, 15)];
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return [[pid, { parent, ms: (user + system) * tickMs, endedMs: (endedUser + endedSystem) * tickMs, command }]];
  } catch {
    return undefined;
  }
}

function isOurs(all: ReadonlyMap<number, Row>, pid: number): boolean {
  for (let up = pid; up > 1; up = all.get(up)?.parent ?? 0) if (up === process.pid) return true;
  return false;
}
