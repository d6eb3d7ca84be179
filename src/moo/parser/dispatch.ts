import type { ObjectRow, VerbRow } from '../world/rows.ts';
import { VerbError } from '../world/verb-error.ts';
import { objectSubject, type CommandVerb, type World } from '../world/world.ts';
import { lex, type Command, type Phrase } from './lex.ts';
import { ambiguous, resolvePhrase, surroundingsOf, type Surroundings } from './resolve-name.ts';

/** A phrase with what it means; null where it names nothing here, or several things. */
export interface NamedObject {
  readonly text: string;
  readonly object: ObjectRow | null;
}

export interface ParsedCommand {
  readonly command: Command;
  readonly around: Surroundings;
  readonly dobj: NamedObject | undefined;
  readonly preps: ReadonlyMap<string, readonly NamedObject[]>;
}

export interface Dispatched {
  readonly parsed: ParsedCommand;
  /** The object that the verb is called on. */
  readonly self: number;
  readonly verb: VerbRow;
  readonly word: string;
}

/** @throws UsageError, AmbiguousObjectError */
export async function parseCommandText(world: World, playerId: number, text: string): Promise<ParsedCommand> {
  const command = lex(text);
  const around = await surroundingsOf(world, playerId);
  const named = async (phrase: Phrase, isDirect: boolean): Promise<NamedObject> => {
    const meant = await resolvePhrase(world, around, phrase);
    if (meant.kind === 'many' && isDirect) throw ambiguous(phrase.text, meant.objects);
    return { text: phrase.text, object: meant.kind === 'one' ? meant.object : null };
  };
  const preps = new Map<string, NamedObject[]>();
  for (const [name, phrases] of command.preps) {
    const objects: NamedObject[] = [];
    for (const phrase of phrases) objects.push(await named(phrase, false));
    preps.set(name, objects);
  }
  return {
    command,
    around,
    preps,
    dobj: command.dobj === undefined ? undefined : await named(command.dobj, true),
  };
}

/**
 * The verb that a command means: of the player, what he carries, the room, the direct object, the other objects, the
 * last one that has a fitting verb; on it the one that fits best.
 *
 * @throws NoSuchVerbError, NoSuchObjectError
 */
export async function dispatch(world: World, parsed: ParsedCommand): Promise<Dispatched> {
  const { player } = parsed.around;
  const word = parsed.command.words[0] ?? '';
  const readable: ObjectRow[] = [];
  for (const each of searched(parsed)) {
    if (await world.isAllowed(player.id, 'read', objectSubject(each))) readable.push(each);
  }
  const verbs = await world.commandVerbs([...new Map(readable.map((each) => [each.id, each])).values()], word);
  let winner: { self: number; verb: VerbRow } | undefined;
  for (const { id } of readable) {
    const fitting = verbs.filter((verb) => verb.onId === id && fits(verb, id, parsed));
    const best = fitting.toSorted((a, b) => order4(a, b, parsed))[0];
    if (best !== undefined) winner = { self: id, verb: best };
  }
  if (winner !== undefined) return { parsed, word, ...winner };
  if (parsed.dobj !== undefined && parsed.dobj.object === null && (await isKnownVerb(world, word))) {
    throw new VerbError('NoSuchObjectError', `There is no '${parsed.dobj.text}' here.`);
  }
  throw new VerbError('NoSuchVerbError', "I don't know how to do that.");
}

/** Where a verb is looked for, in this order. */
function searched({ around: { player, inventory, room }, dobj, preps }: ParsedCommand): ObjectRow[] {
  const objects = [...preps.values()].flat().map(({ object }) => object);
  return [player, ...inventory, room, dobj?.object, ...objects].flatMap((each) => each ?? []);
}

/** The names that {@link dispatch} will ask for, so that they can be read together with others. */
export function commandNames(parsed: ParsedCommand): { readonly id: number; readonly name: string }[] {
  const name = (parsed.command.words[0] ?? '').toLowerCase();
  return searched(parsed).map(({ id }) => ({ id, name }));
}

function fits(verb: VerbRow, on: number, { dobj, preps }: ParsedCommand): boolean {
  if (verb.dobj === 'this' && dobj?.object?.id !== on) return false;
  if (verb.dobj === 'none' && dobj !== undefined) return false;
  if (verb.dobj === 'any' && dobj === undefined) return false;
  return Object.entries(verb.iobj).every(([preposition, spec]) => {
    const typed = preposition === 'any' ? [...preps.values()].flat() : preps.get(preposition);
    // A declared preposition that was not typed does not exclude the verb, except where its object is to be this one.
    if (typed === undefined || typed.length === 0) return spec !== 'this';
    if (spec === 'none') return false;
    return spec === 'any' || typed.some(({ object }) => object?.id === on);
  });
}

/** More typed prepositions that it declares, fewer declared ones that were not typed, nearer, older. */
function order4(a: CommandVerb, b: CommandVerb, { preps }: ParsedCommand): number {
  const declared = (verb: VerbRow): string[] => Object.keys(verb.iobj);
  const typed = (verb: VerbRow): number =>
    declared(verb).filter((each) => preps.has(each) || (each === 'any' && preps.size > 0)).length;
  const untyped = (verb: VerbRow): number => declared(verb).length - typed(verb);
  return typed(b) - typed(a) || untyped(a) - untyped(b) || a.place - b.place || a.id - b.id;
}

async function isKnownVerb(world: World, word: string): Promise<boolean> {
  const { rows } = await world.connection.query(`SELECT 1 FROM ${world.schema}.moo_verb_name WHERE name = $1 LIMIT 1`, [
    word.toLowerCase(),
  ]);
  return rows.length > 0;
}
