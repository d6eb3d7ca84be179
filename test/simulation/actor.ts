import { AsyncLocalStorage } from 'node:async_hooks';

/** A simulated process: everything that its code does happens in its context, and nothing does once it is dead. */
export class Actor {
  readonly name: string;
  isAlive = true;
  /** Until this virtual time nothing of it happens, as if it were stopped by a signal. */
  frozenUntil = 0;

  constructor(name: string) {
    this.name = name;
  }
}

/** The time in which an actor has the database to itself: one statement, or one transaction. */
export interface Turn {
  isOpen: boolean;
  /** Lets others have their turns before this one goes on: it has committed in the middle. */
  readonly suspend: () => Promise<void>;
}

export interface ActorContext {
  readonly actor: Actor;
  readonly turn: Turn | undefined;
}

/** Who is acting now; undefined outside of every simulated process. */
export const actorContext = new AsyncLocalStorage<ActorContext>();

export function runAs<T>(actor: Actor, work: () => T): T {
  return actorContext.run({ actor, turn: undefined }, work);
}

/** The turn in which the present code is. */
export function openTurn(): Turn | undefined {
  const turn = actorContext.getStore()?.turn;
  return turn?.isOpen === true ? turn : undefined;
}
