import type { Row } from './measure.ts';

/** Three figures are enough: the machines are noisy. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const range = ([least, most]: readonly [number, number]): string => `${short(least)}–${short(most)}`;

export function lineOf(row: Row): string {
  const { question, unit, oursName, peerName, ours, peer, ratio, goal, met } = row;
  const verdict = goal === '' ? '' : `; goal ${goal}: ${met ? 'met' : 'MISSED'}`;
  return `${question}: ${oursName} ${short(ours)} ${unit} (${range(row.oursRange)}), ${peerName} ${short(peer)} (${range(row.peerRange)}), ratio ${ratio.toFixed(2)}${verdict}`;
}

/** As a table of Markdown. */
export function tableOf(rows: readonly Row[]): string {
  const head = '| what | ours | beside | ratio | goal | |\n| --- | --- | --- | --- | --- | --- |\n';
  const lines = rows.map((row) => {
    const ours = `${row.oursName}: ${short(row.ours)} ${row.unit} (${range(row.oursRange)})`;
    const peer = `${row.peerName}: ${short(row.peer)} (${range(row.peerRange)})`;
    const verdict = row.goal === '' ? '' : row.met ? 'met' : '**missed**';
    return `| ${row.question} | ${ours} | ${peer} | ${row.ratio.toFixed(2)} | ${row.goal} | ${verdict} |`;
  });
  return `${head}${lines.join('\n')}\n`;
}
