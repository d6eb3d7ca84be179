import path from 'node:path';
import type { Reeve } from '../../src/index.ts';

/** The things of this world; their verbs are the files in `verbs/`. */
const things = `
const thing = (name, parents, text) => {
  try {
    return lookup(name);
  } catch {
    const made = create(name, { parents });
    made.location = $.lobby;
    made.description = text;
    return made;
  }
};
thing('parrot', [$.thing], 'A green parrot with a long memory.');
thing('clock', [$.daemon], 'A tall clock. Its hands stand still.').interval = 1;
thing('museum', [$.container], 'A cabinet for many exhibits.');
`;

/** Makes the world and furnishes it; harmless when it is there. A worker must serve the queue `verbs`. */
export async function furnish(reeve: Reeve): Promise<void> {
  await reeve.migrate();
  await reeve.world.init();
  const made = await reeve.world.code('Wizard', things);
  if (made.error !== null) throw new Error(made.error.message);
  await reeve.world.load(path.join(import.meta.dirname, 'verbs'));
}
