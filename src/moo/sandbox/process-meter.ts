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
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      rssMb: (Number(fields[21]) * pageBytes) / 1_048_576,
      cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
    };
  } catch {
    return undefined;
  }
}
