import type { Row } from './measure.ts';
import { short } from './report.ts';

const width = 860;
const left = 330;
const barHeight = 16;
const font = 'font-family="system-ui, sans-serif" font-size="12"';

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly ours: boolean;
}

/** Bars of each question that has peers, as an SVG that reads on light and on dark pages. */
export function chart(rows: readonly Row[]): string {
  const parts: string[] = [];
  let y = 10;
  for (const [question, of] of Map.groupBy(rows, (row) => row.question)) {
    const [first] = of;
    if (first === undefined || first.peerName === 'the goal') continue;
    const bars: Bar[] = [{ name: first.oursName, value: first.ours, ours: true }];
    for (const { peerName, peer } of of) {
      if (!bars.some(({ name }) => name === peerName)) bars.push({ name: peerName, value: peer, ours: false });
    }
    const most = Math.max(...bars.map(({ value }) => value));
    y += 22;
    parts.push(
      `<text x="10" y="${y}" ${font} font-weight="600" fill="#888">${escaped(`${question} (${first.unit})`)}</text>`,
    );
    for (const { name, value, ours } of bars) {
      y += barHeight + 4;
      const length = Math.max(1, (value / most) * (width - left - 90));
      parts.push(
        `<text x="${left - 8}" y="${y}" ${font} text-anchor="end" fill="#888">${escaped(name)}</text>`,
        `<rect x="${left}" y="${y - barHeight + 4}" width="${length.toFixed(1)}" height="${barHeight}" fill="${ours ? '#2a6fdb' : '#9aa4b2'}"/>`,
        `<text x="${left + length + 6}" y="${y}" ${font} fill="#888">${short(value)}</text>`,
      );
    }
    y += 14;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y + 10}" role="img">\n${parts.join('\n')}\n</svg>\n`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
