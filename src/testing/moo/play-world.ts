import type { Message } from '../../moo/tasks/messages.ts';
import type { Reeve } from '../../reeve.ts';
import type { WorldAnswer } from '../../reeve-world.ts';

/** What a line did, and what its player was shown while it ran. */
export interface Played extends WorldAnswer {
  readonly messages: readonly Message[];
}

/** Runs lines as players of a world, for tests. A worker must serve the queue `verbs`. */
export interface WorldPlayer {
  /** As typed at the console: a command, `;expression` or `;;statements`. */
  run(line: string): Promise<Played>;
  /** What he was shown since the last look, beside what `run` has given back. */
  shown(): Promise<readonly Message[]>;
}

/**
 * "Run this line as X, give me output and messages."
 *
 * @param name - The name, `#id` or account of the player. @throws WORLD_MISSING
 */
export async function playAs(reeve: Reeve, name: string): Promise<WorldPlayer> {
  const { id } = await reeve.world.avatar(name);
  let last = (await reeve.world.messages(id)).at(-1)?.id ?? 0;
  const shown = async (): Promise<readonly Message[]> => {
    const messages = await reeve.world.messages(id, { after: last });
    last = messages.at(-1)?.id ?? last;
    return messages;
  };
  return {
    shown,
    async run(line) {
      const answer = await reeve.world.line(id, line);
      return { ...answer, messages: await shown() };
    },
  };
}
