import { describe, expect, it } from '@jest/globals';
import { lex } from '../../../src/moo/parser/lex.ts';
import { canonicalPreposition } from '../../../src/moo/parser/prepositions.ts';
import { splitLine } from '../../../src/moo/parser/split.ts';
import { parseVerbNames } from '../../../src/moo/world/verb-names.ts';

describe('splitting a line', () => {
  it.each([
    ['walk. run', ['walk', 'run']],
    ['walk, run; jump', ['walk', 'run', 'jump']],
    ['walk THEN run', ['walk', 'run']],
    ['@a x; @b y', ['@a x', '@b y']],
    ['say "a. b."', ['say "a. b."']],
    ["say 'a. b' then wave", ["say 'a. b'", 'wave']],
    ['set x [1, 2, a. b]', ['set x [1, 2, a. b]']],
    ['3.14', ['3.14']],
    ['emote waves hello.', ['emote waves hello.']],
    ["don't. stop", ["don't", 'stop']],
    ['take authentic; look', ['take authentic', 'look']],
    ['say (unclosed. look', ['say (unclosed', 'look']],
    ['   ', ['']],
  ])('%j is %j', (line, wanted) => {
    expect(splitLine(line)).toEqual(wanted);
  });
});

describe('taking a command apart', () => {
  const phrases = (text: string): unknown => {
    const { dobj, preps } = lex(text);
    return [dobj?.text, Object.fromEntries([...preps].map(([name, list]) => [name, list.map((each) => each.text)]))];
  };

  it.each([
    ['put ball on top of box', ['ball', { on: ['box'] }]],
    ['take hat FROM INSIDE chest', ['hat', { from: ['chest'] }]],
    ['jump off of horse', [undefined, { off: ['horse'] }]],
    ['stand in front of door', [undefined, { before: ['door'] }]],
    ['look', [undefined, {}]],
    ['say "put it on me" to Bill', ['put it on me', { at: ['Bill'] }]],
    ['put a in b in c', ['a', { in: ['b', 'c'] }]],
    ['look at', [undefined, { at: [''] }]],
  ])('%j is %j', (text, wanted) => {
    expect(phrases(text)).toEqual(wanted);
  });

  it('knows whose a thing is said to be', () => {
    expect(lex('take my hat').dobj).toMatchObject({ owner: 'my', name: 'hat' });
    expect(lex("take Bill's red hat").dobj).toMatchObject({ owner: 'Bill', name: 'red hat' });
    expect(lex('take the hat').dobj).toMatchObject({ owner: undefined, name: 'hat' });
    expect(lex('take "my hat"').dobj).toMatchObject({ owner: undefined, name: 'my hat' });
  });

  it('refuses a double quote without its partner', () => {
    expect(() => lex('say "hello')).toThrow('Unmatched quote in command.');
    expect(lex(String.raw`say "a \"b\""`).words).toEqual(['say', 'a "b"']);
  });

  it('has one name for each group of prepositions', () => {
    expect(['into', 'inside', 'WITHIN'].map((each) => canonicalPreposition(each))).toEqual(['in', 'in', 'in']);
    expect(canonicalPreposition('sideways')).toBeUndefined();
  });
});

describe('names of verbs', () => {
  it('are abbreviations in the middle and prefixes at the end', () => {
    expect(parseVerbNames('l*ook').map(({ name }) => name)).toEqual(['look', 'loo', 'lo', 'l']);
    expect(parseVerbNames('foo* BAR')).toEqual([
      { name: 'foo', prefix: true },
      { name: 'bar', prefix: false },
    ]);
    expect(parseVerbNames('*')).toEqual([{ name: '', prefix: true }]);
    expect(() => parseVerbNames('a*b*c')).toThrow('more than one star');
    expect(() => parseVerbNames(' ')).toThrow('1 to 100 names');
  });
});
