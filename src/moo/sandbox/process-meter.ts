import { readFileSync } from 'node:fs';

/** Pages and clock ticks of Linux; the kernel reports in these units on every platform that Node runs on. */
const pageBytes = 4_096;
const tickMs = 10;

export interface ProcessUse {
  readonly rssMb: number;
  readonly cpuMs: number;
}

/** What a process uses, from /proc; undefined where there is none, or no such process. */
export function processUse(pid: number): ProcessUse | undefined {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      rssMb: (pages * pageBytes) / 1_048_576,
      cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
    };
  } catch {
    return undefined;
  }
}
