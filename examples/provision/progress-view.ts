import type { WriteStream } from 'node:tty';
import type { ProgressLine } from './progress.ts';

export interface ProgressView {
  show(lines: readonly ProgressLine[]): void;
  /** Leaves the last state on the screen. */
  end(): void;
}

const escape = '\u001B[';
const colours: Readonly<Record<string, string>> = { ok: '32', erred: '31', deleted: '2', '-': '2' };

/** Redrawn in place on a terminal; anywhere else, and with other output in between, one plain line for each change. */
export function progressView(stream: NodeJS.WriteStream, startedAt: number, plain: boolean): ProgressView {
  return stream.isTTY && !plain ? liveView(stream, startedAt) : plainView(stream, startedAt);
}

function plainView(stream: NodeJS.WritableStream, startedAt: number): ProgressView {
  const seen = new Map<string, string>();
  return {
    show(lines) {
      const width = longestName(lines);
      for (const { name, state, detail } of lines) {
        const text = `${name.padEnd(width)}  ${state.padEnd(18)}  ${detail}`.trimEnd();
        if (seen.get(name) !== text && (seen.has(name) || state !== '-')) {
          stream.write(`${seconds(startedAt).padStart(6)}  ${text}\n`);
        }
        seen.set(name, text);
      }
    },
    end: () => undefined,
  };
}

function liveView(stream: WriteStream, startedAt: number): ProgressView {
  let drawn = 0;
  let last: readonly ProgressLine[] = [];
  let lastText = '';
  const draw = (): void => {
    // Some terminals do not say how large they are.
    const columns = Math.max(20, stream.columns || 80);
    const texts = fitting(last, (stream.rows || 24) - 2).map((line) => liveLine(line, longestName(last), columns - 1));
    const body = texts.map((text) => `${text}${escape}0K\n`).join('');
    if (body === lastText) return;
    lastText = body;
    // One write for the whole picture, over the old one; only what the old one had more of is wiped.
    stream.write(`${escape}?25l${drawn === 0 ? '' : `${escape}${drawn}F`}${body}${escape}0J`);
    drawn = texts.length;
  };
  // A terminal that was made narrower has folded the old lines: start anew below them.
  const resized = (): void => {
    drawn = 0;
    lastText = '';
    draw();
  };
  stream.on('resize', resized);
  return {
    show(lines) {
      last = lines;
      draw();
    },
    end() {
      stream.off('resize', resized);
      stream.write(`${escape}?25h${seconds(startedAt)}\n`);
    },
  };
}

/** On a low terminal those that have not ended come first; the rest is counted. */
function fitting(lines: readonly ProgressLine[], rows: number): readonly (ProgressLine | string)[] {
  if (lines.length <= rows) return lines;
  const isOver = ({ state }: ProgressLine): boolean => colours[state] !== undefined;
  const sorted = [...lines.filter((line) => !isOver(line)), ...lines.filter(isOver)];
  const shown = sorted.slice(0, Math.max(1, rows - 1));
  return [...shown, `… and ${lines.length - shown.length} more`];
}

function liveLine(line: ProgressLine | string, width: number, columns: number): string {
  if (typeof line === 'string') return line.slice(0, columns);
  const plain = `${line.name.padEnd(width)}  ${line.state.padEnd(18)}  ${line.detail}`.trimEnd().slice(0, columns);
  const colour = colours[line.state] ?? '33';
  return `${escape}${colour}m${plain}${escape}0m`;
}

function longestName(lines: readonly ProgressLine[]): number {
  return Math.min(32, Math.max(0, ...lines.map(({ name }) => name.length)));
}

export function seconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1_000).toFixed(1)}s`;
}
