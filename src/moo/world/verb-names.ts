import { userError } from './verb-error.ts';

export interface VerbName {
  readonly name: string;
  /** Any word that begins with it. */
  readonly prefix: boolean;
}

const mostNames = 100;

/** The names that `greet l*ook foo* *` stands for: `l*ook` is l, lo, loo, look; `foo*` any word that begins so. */
export function parseVerbNames(text: string): VerbName[] {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const names = words.flatMap((word): VerbName[] => {
    const star = word.indexOf('*');
    if (star < 0) return [{ name: word, prefix: false }];
    if (word.includes('*', star + 1)) throw userError(`The name "${word}" has more than one star.`);
    if (star === word.length - 1) return [{ name: word.slice(0, -1), prefix: true }];
    const [start, rest] = [word.slice(0, star), word.slice(star + 1)];
    return Array.from({ length: rest.length + 1 }, (_, index) => start + rest.slice(0, index))
      .filter((name) => name !== '')
      .toReversed()
      .map((name) => ({ name, prefix: false }));
  });
  const distinct = [...new Map(names.map((each) => [`${each.name}:${each.prefix}`, each])).values()];
  if (distinct.length === 0 || distinct.length > mostNames) throw userError(`A verb has 1 to ${mostNames} names.`);
  if (distinct.some(({ name }) => name.length > 255)) throw userError('A name of a verb has at most 255 characters.');
  return distinct;
}
