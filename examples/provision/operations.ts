import { dataSource } from './ormconfig.ts';
import { DatabaseSchema, type Server } from './entities.ts';
import { ownerOf, type AskedDatabase, type FollowUp } from './manifest-schema.ts';
import reeve, { createDatabase, deleteDatabase, resizeDatabase, secrets, updateDatabase } from './reeve.config.ts';

const context = { askedBy: 'npm run demo' };

/** Row and operation are one transaction: either both are there, and the work begins, or nothing is. */
export async function askCreation(asked: AskedDatabase, server: Server): Promise<{ id: string; executionId: string }> {
  const secretRef = `databases/${asked.name}`;
  await secrets.ensure(secretRef);
  return dataSource.transaction(async (manager) => {
    const row = await manager.save(DatabaseSchema, {
      name: asked.name,
      role: ownerOf(asked),
      secretRef,
      server,
      ...(asked.connectionLimit === undefined ? {} : { connectionLimit: asked.connectionLimit }),
    });
    const { template, grants } = asked;
    const input = template === undefined ? { grants } : { template, grants };
    const { executionId } = await reeve.in(manager).execute(createDatabase, row, input, { context });
    return { id: row.id, executionId };
  });
}

/** The row stays as it is until the server has followed: only then does the engine store what changed. */
export async function askFollowUp(id: string, followUp: FollowUp): Promise<{ executionId: string }> {
  return dataSource.transaction(async (manager) => {
    const { resize, rename } = followUp;
    if (resize !== undefined) return reeve.in(manager).execute(resizeDatabase, id, resize, { context });
    if (rename === undefined) return reeve.in(manager).execute(deleteDatabase, id, {}, { context });
    return reeve.in(manager).execute(updateDatabase, id, { name: rename.to }, { changed: ['name'], context });
  });
}

/** What a follow-up asks for, and what has happened when it is done. */
export function wordsOf(followUp: FollowUp): { asked: string; done: string } {
  const { resize, rename } = followUp;
  if (resize !== undefined) return { asked: `resize to ${resize.connectionLimit}`, done: 'resized' };
  if (rename !== undefined) return { asked: `rename to ${rename.to}`, done: 'renamed' };
  return { asked: 'delete', done: 'deleted' };
}
