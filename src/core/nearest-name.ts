/** No name of ours is longer; the comparison takes time with the product of both lengths. */
const longestName = 200;

/** ` (did you mean "x"?)` for the known name nearest to `name`, or an empty text when none is near. */
export function didYouMean(name: string, known: Iterable<string>): string {
  if (name.length > longestName) return '';
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (best === undefined || distance < best.distance) best = { name: candidate, distance };
  }
  const near =
    best !== undefined && (best.distance <= Math.max(2, Math.floor(name.length / 3)) || begins(name, best.name));
  return near ? ` (did you mean "${best?.name}"?)` : '';
}

/** Whether one name begins with the other, as "redis_url" does with "redis". */
function begins(name: string, candidate: string): boolean {
  const [short, long] = name.length < candidate.length ? [name, candidate] : [candidate, name];
  return short.length >= 3 && long.toLowerCase().startsWith(short.toLowerCase());
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + cost));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
