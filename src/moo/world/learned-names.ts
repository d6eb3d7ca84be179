import type { OwnName } from './sql.ts';

const mostWords = 1_000;
const mostNames = 24;
const longestName = 64;
const mostOwners = 8;

/** Who an object is to a command: what was asked of the room once will be asked of the next room. */
export type Roles = ReadonlyMap<number, 'player' | 'room' | 'dobj' | 'system'>;

/**
 * What verbs behind a typed word have asked the world for, in this process, so that the next command with that word
 * reads it together with what it needs anyway. It changes nothing but when something is read.
 */
export class LearnedNames {
  readonly #words = new Map<string, Map<string, { readonly role: string; readonly name: string }>>();

  readonly #owners = new Set<number>();

  /** The owners of the verbs that ran last, whose rights the next commands will be asked for. */
  get owners(): readonly number[] {
    return [...this.#owners];
  }

  learnOwner(id: number): void {
    this.#owners.delete(id);
    this.#owners.add(id);
    const [oldest] = this.#owners;
    if (this.#owners.size > mostOwners && oldest !== undefined) this.#owners.delete(oldest);
  }

  /** Notes that a command had to ask for a name of an object. */
  learn(word: string, roles: Roles, { id, name }: OwnName): void {
    const role = roles.get(id);
    if (role === undefined || name.length > longestName) return;
    const known = this.#words.get(word) ?? new Map<string, { role: string; name: string }>();
    if (known.size >= mostNames || (known.size === 0 && this.#words.size >= mostWords)) return;
    known.set(`${role}:${name}`, { role, name });
    this.#words.set(word, known);
  }

  /** What a command with that word will probably ask for. */
  expected(word: string, roles: Roles): OwnName[] {
    const known = [...(this.#words.get(word)?.values() ?? [])];
    return [...roles].flatMap(([id, role]) =>
      known.filter((each) => each.role === role).map(({ name }) => ({ id, name })),
    );
  }
}
