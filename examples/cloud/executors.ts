import { createCluster, createNode, deleteNode } from './cluster.ts';
import { createInstance, deleteInstance } from './instance.ts';
import { copyRows, migrate } from './migration.ts';
import { cleanUpProject } from './project.ts';
import { deleteTenant, pullTenant } from './tenant.ts';
import { createVolume, deleteVolume, extendVolume } from './volume.ts';

/** Everything that this application can do. */
export const cloudApp = {
  executors: [
    createVolume,
    deleteVolume,
    extendVolume,
    createInstance,
    deleteInstance,
    pullTenant,
    deleteTenant,
    createNode,
    deleteNode,
    createCluster,
    migrate,
    cleanUpProject,
  ],
  tasks: [copyRows],
};
