import { isMap, isScalar, LineCounter, parseDocument, visit, type Document, type Node, type Pair } from 'yaml';

/** Something that is wrong with a manifest, and the line where. */
export interface Problem {
  readonly line: number;
  readonly text: string;
}

export type Path = readonly (string | number)[];

/** A YAML text with the places of its values. */
export interface ManifestDocument {
  readonly problems: readonly Problem[];
  /** The content as plain data; undefined where the text is too broken to be read on. */
  readonly value: unknown;
  /** The line of a value, or of the nearest thing around it that is there. */
  lineOf(path: Path): number;
  /** The line of a key of the map at `path`. */
  lineOfKey(path: Path, key: string): number;
}

/** Reads YAML and finds what the language allows but a manifest does not: repeated keys, anchors, aliases, tags. */
export function parseManifest(text: string): ManifestDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const lineAt = (offset: number | undefined): number => Math.max(1, lines.linePos(offset ?? 0).line);
  const problems: Problem[] = [...document.errors, ...document.warnings].map((error) => ({
    line: lineAt(error.pos[0]),
    text: error.code === 'DUPLICATE_KEY' ? `the key ${keyAt(text, error.pos[0])} is there twice` : tidy(error.message),
  }));
  const isReadable = document.errors.every((error) => error.code === 'DUPLICATE_KEY');
  const refused = isReadable ? refusedNodes(document, lineAt) : [];
  problems.push(...refused);
  return {
    problems,
    value: isReadable && refused.length === 0 ? document.toJS({ maxAliasCount: 0 }) : undefined,
    lineOf: (path) => lineAt(offsetOf(document, path)),
    lineOfKey: (path, key) => lineAt(keyOffset(document, path, key)),
  };
}

function refusedNodes(document: Document.Parsed, lineAt: (offset: number | undefined) => number): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Alias: (_key, node) => {
      problems.push({ line: lineAt(node.range?.[0]), text: `the alias *${node.source} is not allowed; write it out` });
    },
    Value: (_key, node) => {
      if (node.anchor === undefined) return;
      problems.push({ line: lineAt(node.range?.[0]), text: `the anchor &${node.anchor} is not allowed; remove it` });
    },
    Pair: (_key, pair) => {
      const name = keyName(pair);
      if (name !== '__proto__') return;
      problems.push({ line: lineAt(rangeStart(pair.key)), text: 'the key "__proto__" is not allowed; remove it' });
    },
  });
  return problems;
}

/** The start of the value at `path`, or of the last part of the path that exists. */
function offsetOf(document: Document.Parsed, path: Path): number | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const part = path.slice(0, length);
    const key = part.at(-1);
    const atKey = typeof key === 'string' ? keyOffset(document, part.slice(0, -1), key) : undefined;
    const found = atKey ?? rangeStart(document.getIn(part, true));
    if (found !== undefined) return found;
  }
  return rangeStart(document.contents);
}

function keyOffset(document: Document.Parsed, path: Path, key: string): number | undefined {
  const map: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!isMap(map)) return undefined;
  return rangeStart(map.items.find((pair) => keyName(pair) === key)?.key);
}

function keyName(pair: Pair): string {
  return String(isScalar(pair.key) ? pair.key.value : pair.key);
}

function rangeStart(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

function keyAt(text: string, offset: number): string {
  return JSON.stringify(/^[^:\n]*/.exec(text.slice(offset))?.[0].trim() ?? '');
}

function tidy(message: string): string {
  if (message.includes('call stack')) return 'the file is nested too deeply';
  return `this is not valid YAML: ${message.split('\n')[0]}`;
}
