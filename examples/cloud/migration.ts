import { z } from 'zod';
import { defineCreateExecutor, defineTask } from '../../src/index.ts';
import { TenantSchema, VolumeSchema } from './entities.ts';
import { database } from './places.ts';
import { migration, tenant } from './resources.ts';
import { createVolume, deleteVolume } from './volume.ts';

/** Writes the rows of the copies, once however often it runs; answers which there are to make. */
export const copyRows = defineTask({
  name: 'cloud.migration.copy',
  input: z.object({ from: z.string(), to: z.string() }),
  run: ({ from, to }) =>
    database().transaction(async (manager) => {
      const target = await manager.findOneByOrFail(TenantSchema, { id: to });
      const sources = await manager.find(VolumeSchema, { where: { tenant: { id: from } }, order: { name: 'ASC' } });
      const copies = [];
      for (const { name, sizeGb } of sources) {
        const known = await manager.findOneBy(VolumeSchema, { name: `${name} (copy)`, tenant: { id: to } });
        const row = { name: `${name} (copy)`, sizeGb, tenant: target };
        copies.push((known ?? (await manager.save(VolumeSchema, row))).id);
      }
      return { copies, sources: sources.map(({ id }) => id) };
    }),
});

/**
 * Both tenants are held meanwhile: nobody starts an operation on them. How many volumes there are is known only then.
 * The old ones go once all copies are there.
 */
export const migrate = defineCreateExecutor(migration, {
  facts: (row) => ({ from: row.from.id, to: row.to.id }),
  plan: (p, _input, { from, to }) =>
    p.hold(
      [
        { resource: tenant, id: from },
        { resource: tenant, id: to },
      ],
      (q) =>
        q
          .run(copyRows, { from, to })
          .expand(
            async (row) => idsOf(row.to.id, 'creation_scheduled'),
            (r, copies) => r.groupEach(copies, (s, id) => s.child(createVolume, id), { concurrency: 2 }),
          )
          .expand(
            async (row) => idsOf(row.from.id, 'ok'),
            (r, sources) => r.groupEach(sources, (s, id) => s.child(deleteVolume, id)),
          ),
    ),
});

async function idsOf(tenantId: string, state: string): Promise<string[]> {
  const rows = await database().manager.find(VolumeSchema, {
    where: { tenant: { id: tenantId }, state },
    order: { name: 'ASC' },
  });
  return rows.map(({ id }) => id);
}
