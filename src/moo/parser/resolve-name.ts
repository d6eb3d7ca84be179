import { systemId, type ObjectRow } from '../world/rows.ts';
import { objectIdOf } from '../world/values.ts';
import { VerbError } from '../world/verb-error.ts';
import { objectSubject, type World } from '../world/world.ts';
import type { Phrase } from './lex.ts';

/** What is near a player, read once for all phrases of a command. */
export interface Surroundings {
  readonly player: ObjectRow;
  readonly inventory: readonly ObjectRow[];
  readonly room: ObjectRow | undefined;
  readonly inRoom: readonly ObjectRow[];
}

export async function surroundingsOf(world: World, playerId: number): Promise<Surroundings> {
  const player = await world.object(playerId);
  const { locationId } = player;
  return {
    player,
    inventory: await world.contents(playerId),
    room: locationId === null ? undefined : await world.find(locationId),
    inRoom: locationId === null ? [] : await world.contents(locationId),
  };
}

/** `one`; `none`; or `many`, which a verb may still want as text. */
export type Resolved =
  | { readonly kind: 'one'; readonly object: ObjectRow }
  | { readonly kind: 'none' }
  | { readonly kind: 'many'; readonly objects: readonly ObjectRow[] };

/** What a phrase means to a player: his things first, then the room, then pronouns. */
export async function resolvePhrase(world: World, around: Surroundings, phrase: Phrase): Promise<Resolved> {
  const direct = await candidates(world, around, phrase);
  if (direct.length === 0 && phrase.owner !== undefined) {
    const whole = called([...around.inventory, ...around.inRoom], phrase.text);
    if (whole.length > 0) return resolved(whole);
  }
  if (direct.length > 0) return resolved(direct);
  const pronoun = await pronounOf(world, around, phrase.name);
  return pronoun === undefined ? { kind: 'none' } : { kind: 'one', object: pronoun };
}

function resolved(objects: readonly ObjectRow[]): Resolved {
  const [object] = objects;
  return objects.length === 1 && object !== undefined ? { kind: 'one', object } : { kind: 'many', objects };
}

async function candidates(world: World, around: Surroundings, phrase: Phrase): Promise<ObjectRow[]> {
  if (phrase.owner === undefined || phrase.owner === 'my') {
    const mine = called(around.inventory, phrase.name);
    return mine.length > 0 ? mine : called(around.inRoom, phrase.name);
  }
  const owners = called([...around.inRoom, ...around.inventory], phrase.owner);
  const [owner] = owners;
  if (owner === undefined) return [];
  if (owners.length > 1) throw ambiguous(phrase.owner, owners);
  if (!(await world.isAllowed(around.player.id, 'read', objectSubject(owner)))) return [];
  const his = called(await world.contents(owner.id), phrase.name);
  return his.length > 0 ? his : called(around.inRoom, phrase.name);
}

function called(objects: readonly ObjectRow[], name: string): ObjectRow[] {
  const wanted = name.toLowerCase();
  const hits = objects.filter(({ name: own, aliases }) => own.toLowerCase() === wanted || aliases.includes(wanted));
  return [...new Map(hits.map((each) => [each.id, each])).values()];
}

async function pronounOf(world: World, { player, room }: Surroundings, name: string): Promise<ObjectRow | undefined> {
  const word = name.toLowerCase();
  if (word === 'me') return player;
  if (word === 'here') return room;
  if (/^\$\w+$/.test(name)) {
    const named = objectIdOf((await world.member(systemId, name.slice(1))).property?.value);
    return named === undefined ? undefined : world.find(named);
  }
  const byId = /^#(\d{1,9})$/.exec(word);
  if (byId !== null) return world.find(Number(byId[1]));
  if (room !== undefined && called([room], word).length > 0) return room;
  return undefined;
}

export function ambiguous(name: string, objects: readonly ObjectRow[]): VerbError {
  const names = objects.map((each) => `${each.name} (#${each.id})`).join(' or ');
  return new VerbError('AmbiguousObjectError', `When you say, "${name}", do you mean ${names}?`);
}
