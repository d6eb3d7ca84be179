const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/**
 * The commands of a line: cut at `.`, `,` or `;` before a space and a letter or `@`, and at the word THEN; never inside
 * quotes or brackets. A quote counts where it opens a word, so that an apostrophe is none.
 */
export function splitLine(line: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  let at = 0;
  const cut = (end: number, next: number): void => {
    pieces.push(line.slice(start, end).trim());
    start = next;
    at = next;
  };
  while (at < line.length) {
    const skipped = quotedEnd(line, at);
    if (skipped !== undefined) at = skipped;
    else if (/^[.,;]\s+[\p{L}@]/u.test(line.slice(at, at + 64)) && /\S/.test(line.slice(start, at))) cut(at, at + 1);
    else {
      const then = /^\s(then)\s/i.exec(line.slice(at, at + 6));
      if (then === null) at += 1;
      else cut(at, at + 5);
    }
  }
  cut(line.length, line.length);
  const filled = pieces.filter((piece) => piece !== '');
  return filled.length === 0 ? [line.trim()] : filled;
}

/** Behind the quoted or bracketed span that begins here; undefined where none does, or where it never ends. */
function quotedEnd(line: string, at: number): number | undefined {
  const character = line[at] ?? '';
  if (character === '"' || character === "'") {
    const opens = at === 0 || /[\s([{,=:]/.test(line[at - 1] ?? '');
    if (!opens) return undefined;
    for (let end = at + 1; end < line.length; end += 1) {
      if (line[end] === '\\') end += 1;
      else if (line[end] === character) return end + 1;
    }
    return undefined;
  }
  const wanted = closing[character];
  if (wanted === undefined) return undefined;
  const stack = [wanted];
  for (let end = at + 1; end < line.length; end += 1) {
    const inner = line[end] ?? '';
    const opened = closing[inner];
    if (opened !== undefined) stack.push(opened);
    else if (inner === stack.at(-1)) stack.pop();
    if (stack.length === 0) return end + 1;
  }
  return undefined;
}
