import type { ObjectLiteral } from 'typeorm';
import { defineResource, defineThrottle, lifecycle, type BackendContext, type Duration } from '../../src/index.ts';
import { CloudBackend } from './backends.ts';
import {
  ClusterSchema,
  InstanceSchema,
  MigrationSchema,
  NodeSchema,
  ProjectSchema,
  TenantSchema,
  VolumeSchema,
  type Instance,
  type Volume,
} from './entities.ts';
import { places } from './places.ts';

/** How often the cloud is asked, and how long it may take. */
export const looks = { every: '200ms' as Duration, timeout: '10m' as Duration };

const backendOf =
  (kind: string) =>
  (_row: ObjectLiteral, context: BackendContext): CloudBackend =>
    new CloudBackend(places.cloud, kind, context);

export const project = defineResource(ProjectSchema, {
  name: 'cloud.project',
  states: lifecycle,
  backend: backendOf('project'),
});
export const tenant = defineResource(TenantSchema, {
  name: 'cloud.tenant',
  states: lifecycle,
  backend: backendOf('tenant'),
});
export const instance = defineResource(InstanceSchema, {
  name: 'cloud.instance',
  states: lifecycle,
  relations: ['tenant', 'volumes'],
  backend: backendOf('instance'),
});
export const volume = defineResource(VolumeSchema, {
  name: 'cloud.volume',
  states: lifecycle,
  relations: ['tenant', 'instance'],
  backend: backendOf('volume'),
});
export const cluster = defineResource(ClusterSchema, {
  name: 'cloud.cluster',
  states: lifecycle,
  relations: ['nodes'],
  backend: backendOf('cluster'),
});
export const node = defineResource(NodeSchema, { name: 'cloud.node', states: lifecycle, backend: backendOf('node') });
export const migration = defineResource(MigrationSchema, {
  name: 'cloud.migration',
  states: lifecycle,
  relations: ['from', 'to'],
});

/** A tenant is asked for so many instances at once, by its own settings, else four. */
export const instancesPerTenant = defineThrottle(instance, {
  name: 'instances',
  key: (row: Instance) => row.tenant.id,
  limit: (row: Instance) => row.tenant.maxProvisioning,
});

/** The same for volumes: they are made inside instances, so their permits are of a higher level. */
export const volumesPerTenant = defineThrottle(volume, {
  name: 'volumes',
  key: (row: Volume) => row.tenant.id,
  limit: (row: Volume) => row.tenant.maxProvisioning,
  level: 2,
});
