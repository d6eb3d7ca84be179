import { cleanup, defineCleanupExecutor } from '../../src/index.ts';
import { InstanceSchema, TenantSchema, VolumeSchema, type Project } from './entities.ts';
import { deleteInstance } from './instance.ts';
import { database } from './places.ts';
import { project } from './resources.ts';
import { deleteTenant } from './tenant.ts';
import { deleteVolume } from './volume.ts';

const inProject = ({ id }: Project) => ({ where: { tenant: { project: { id } } } });

/** Instances, then the volumes that nobody has taken with them, then the tenants, then the project. */
export const cleanUpProject = defineCleanupExecutor(project, {
  name: 'cloud.project.cleanup',
  kinds: [
    cleanup(deleteTenant, {
      list: async ({ id }: Project) =>
        (await database().manager.find(TenantSchema, { where: { project: { id } } })).map((row) => row.id),
      after: [deleteInstance, deleteVolume],
    }),
    cleanup(deleteVolume, {
      list: async (row: Project) => (await database().manager.find(VolumeSchema, inProject(row))).map(({ id }) => id),
      after: [deleteInstance],
    }),
    cleanup(deleteInstance, {
      list: async (row: Project) => (await database().manager.find(InstanceSchema, inProject(row))).map(({ id }) => id),
    }),
  ],
});
