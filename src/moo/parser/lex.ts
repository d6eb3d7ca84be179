import { VerbError } from '../world/verb-error.ts';
import { findPrepositions } from './prepositions.ts';

/** A noun phrase: who is said to have it, and what it is called. */
export interface Phrase {
  /** `my`, or somebody's name without its 's. */
  readonly owner: string | undefined;
  readonly name: string;
  /** As it was typed, without quotes. */
  readonly text: string;
}

export interface Command {
  readonly command: string;
  readonly words: readonly string[];
  /** Undefined where nothing was typed. */
  readonly dobj: Phrase | undefined;
  /** By the canonical name of the preposition, in the order typed. */
  readonly preps: ReadonlyMap<string, readonly Phrase[]>;
}

/**
 * Takes one command apart. @throws UsageError for a double quote without its partner.
 */
export function lex(command: string): Command {
  if ((command.replaceAll(/\\./gs, '').match(/"/g) ?? []).length % 2 === 1) {
    throw new VerbError('UsageError', 'Unmatched quote in command.');
  }
  const words = wordsOf(command);
  const rest = command.slice((/^\s*("(?:[^"\\]|\\.)*"|\S+)/.exec(command)?.[0] ?? '').length);
  // Quoted words hide their prepositions.
  const bare = rest.replaceAll(/"(?:[^"\\]|\\.)*"/g, (quoted) => '\u0001'.repeat(quoted.length));
  const found = findPrepositions(bare);
  const dobj = phraseOf(rest.slice(0, found[0]?.start ?? rest.length));
  const preps = new Map<string, Phrase[]>();
  found.forEach(({ name, end }, index) => {
    const phrase = phraseOf(rest.slice(end, found[index + 1]?.start ?? rest.length));
    const text = phrase ?? { owner: undefined, name: '', text: '' };
    preps.set(name, [...(preps.get(name) ?? []), text]);
  });
  return { command, words, dobj, preps };
}

function wordsOf(command: string): string[] {
  return [...command.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, quoted, plain]) => plain ?? unquoted(quoted ?? ''),
  );
}

function unquoted(text: string): string {
  return text.replaceAll(/\\(["'])/g, '$1');
}

function phraseOf(given: string): Phrase | undefined {
  const text = given.trim();
  if (text === '') return undefined;
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(text);
  if (quoted !== null) {
    const inner = unquoted(quoted[1] ?? '');
    return { owner: undefined, name: inner, text: inner };
  }
  const plain = text.replaceAll(/"((?:[^"\\]|\\.)*)"/g, (_, inner: string) => unquoted(inner));
  const specified = /^(?:(my|the|a|an)|(\S+?)'s|(\S+s)')\s+(.+)$/s.exec(plain);
  if (specified === null) return { owner: undefined, name: plain, text: plain };
  const [, article, his, theirs, name = ''] = specified;
  return { owner: article === 'my' ? 'my' : (his ?? theirs), name, text: plain };
}
