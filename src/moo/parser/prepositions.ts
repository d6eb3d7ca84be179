/** Groups of prepositions that mean the same; the first of each is its name. */
const groups: readonly (readonly string[])[] = [
  ['with', 'using'],
  ['at', 'to'],
  ['in front of'],
  ['in', 'inside', 'into', 'within'],
  ['on top of', 'on', 'onto', 'upon', 'above'],
  ['out of', 'from inside', 'from'],
  ['over'],
  ['through'],
  ['under', 'underneath', 'beneath'],
  ['around', 'round'],
  ['between', 'among'],
  ['behind', 'past'],
  ['beside', 'by', 'near', 'next to', 'along'],
  ['for', 'about'],
  ['is'],
  ['as'],
  ['off', 'off of'],
];

const names: Readonly<Record<string, string>> = { 'on top of': 'on', 'out of': 'from', 'in front of': 'before' };
const canonical = new Map(
  groups.flatMap((group) => group.map((each) => [each, names[group[0] ?? ''] ?? group[0] ?? each] as const)),
);
canonical.set('before', 'before');

/** The name of the group that a preposition belongs to. */
export function canonicalPreposition(preposition: string): string | undefined {
  return canonical.get(preposition.toLowerCase());
}

const longestFirst = [...canonical.keys()].toSorted((a, b) => b.length - a.length);
const pattern = new RegExp(
  String.raw`(?<=^|\s)(${longestFirst.map((each) => each.replaceAll(' ', String.raw`\s+`)).join('|')})(?=\s|$)`,
  'gi',
);

export interface FoundPreposition {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** The prepositions of a text, longest first and whatever their case. */
export function findPrepositions(text: string): FoundPreposition[] {
  return [...text.matchAll(pattern)].flatMap((match) => {
    const name = canonicalPreposition((match[1] ?? '').replaceAll(/\s+/g, ' '));
    return name === undefined ? [] : [{ name, start: match.index, end: match.index + match[0].length }];
  });
}
