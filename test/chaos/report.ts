import type { RunReport } from './chaos-run.ts';

/** The end of a run, for people: what was done to it, what it did, and how it was judged. */
export function reportLines({ verdicts, faults, missing, figures }: RunReport): string[] {
  const lines = [
    section('faults', faults),
    section('figures', figures),
    ...Object.entries(missing).map(([name, why]) => `!!! NOT MADE HERE: ${name} (${why})`),
  ];
  for (const { what, rows } of verdicts) {
    lines.push(rows.length === 0 ? `held    ${what}` : `BROKEN  ${what}`);
    lines.push(...rows.map((row) => `          ${JSON.stringify(row)}`));
  }
  return lines;
}

function section(title: string, counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${title.padEnd(8)}${entries.map(([name, count]) => `${name} ${count}`).join(', ')}`;
}
