import type { Profiler } from 'node:inspector/promises';

/** A stack of calls, the outermost first, and how long it was seen. */
export interface Stack {
  readonly frames: readonly { readonly name: string; readonly url: string }[];
  readonly ms: number;
}

const notWork = new Set(['(idle)', '(root)', '(program)']);

/** What a profile has sampled, without the time in which nothing was done. */
export function stacksOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Stack[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)));
  const times = new Map<number, number>();
  for (const [index, id] of samples.entries()) times.set(id, (times.get(id) ?? 0) + (timeDeltas[index] ?? 0) / 1_000);
  return [...times].flatMap(([id, ms]) => {
    if (notWork.has(byId.get(id)?.callFrame.functionName ?? '')) return [];
    const frames: { name: string; url: string }[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const { functionName, url } = byId.get(at)?.callFrame ?? { functionName: '', url: '' };
      if (functionName !== '(root)') frames.unshift({ name: functionName === '' ? '(anonymous)' : functionName, url });
    }
    return [{ frames, ms }];
  });
}

/** By the innermost package on the stack that is not Node itself. */
export function partsOf(stacks: readonly Stack[]): Map<string, number> {
  const parts = new Map<string, number>();
  for (const { frames, ms } of stacks) {
    const part = frames.some(({ name }) => name === '(garbage collector)')
      ? 'garbage collection'
      : (frames.toReversed().flatMap(({ url }) => partOf(url) ?? [])[0] ?? 'Node itself');
    parts.set(part, (parts.get(part) ?? 0) + ms);
  }
  return parts;
}

function partOf(url: string): string | undefined {
  const library = /node_modules\/(?<name>(?:@[^/]+\/)?[^/]+)/.exec(url)?.groups?.['name'];
  if (library !== undefined) {
    if (/^pg|^postgres|^typeorm$/.test(library)) return 'the driver of PostgreSQL';
    if (/^bullmq$|^ioredis$|^redis|^msgpackr$/.test(library)) return 'BullMQ and the driver of Redis';
    return 'other libraries';
  }
  if (url.includes('/src/')) return "Reeve's own code";
  return url.includes('/bench/') ? 'the tasks and the caller' : undefined;
}

interface Frame {
  readonly name: string;
  readonly part: string;
  ms: number;
  readonly children: Map<string, Frame>;
}

const width = 1_200;
const rowHeight = 15;
const narrowest = 1;
const colours: Readonly<Record<string, string>> = {
  "Reeve's own code": '#2a6fdb',
  'the driver of PostgreSQL': '#3c9d5f',
  'BullMQ and the driver of Redis': '#c9563c',
  'other libraries': '#a06cc8',
  'the tasks and the caller': '#d9a520',
};

/** As an SVG: the outermost calls at the bottom, as wide as they took long, coloured by whose code it is. */
export function flameGraph(stacks: readonly Stack[]): string {
  const root: Frame = { name: 'all', part: '', ms: 0, children: new Map() };
  for (const { frames, ms } of stacks) {
    root.ms += ms;
    let at = root;
    for (const { name, url } of frames) {
      const next = at.children.get(`${name} ${url}`) ?? { name, part: partOf(url) ?? '', ms: 0, children: new Map() };
      at.children.set(`${name} ${url}`, next);
      next.ms += ms;
      at = next;
    }
  }
  const parts: string[] = [];
  const depth = draw(root, { x: 0, level: 0, scale: width / root.ms, parts });
  const height = (depth + 1) * rowHeight;
  const shifted = parts.map((part) => part.replace(/y="(?<up>\d+)"/g, (_, up: string) => `y="${height - Number(up)}"`));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="10">\n${shifted.join('\n')}\n</svg>\n`;
}

interface Place {
  readonly x: number;
  readonly level: number;
  readonly scale: number;
  readonly parts: string[];
}

/** @returns The level of the deepest call that is wide enough to be seen. */
function draw(frame: Frame, { x, level, scale, parts }: Place): number {
  const wide = frame.ms * scale;
  if (wide < narrowest) return level;
  const up = (level + 1) * rowHeight;
  const colour = colours[frame.part] ?? '#9aa4b2';
  const label = escaped(`${frame.name}, ${frame.part === '' ? 'Node' : frame.part}`);
  parts.push(
    `<g><title>${label}</title><rect x="${x.toFixed(1)}" y="${up}" width="${wide.toFixed(1)}" height="${rowHeight - 1}" fill="${colour}"/>` +
      (wide > 40
        ? `<text x="${(x + 3).toFixed(1)}" y="${up - 11}" fill="#fff">${escaped(frame.name.slice(0, Math.floor(wide / 6)))}</text>`
        : '') +
      `</g>`,
  );
  let from = x;
  let deepest = level;
  for (const child of [...frame.children.values()].toSorted((a, b) => b.ms - a.ms)) {
    deepest = Math.max(deepest, draw(child, { x: from, level: level + 1, scale, parts }));
    from += child.ms * scale;
  }
  return deepest;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
