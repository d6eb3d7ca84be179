import type { DataSource } from 'typeorm';
import {
  cloudEntities,
  TenantSchema,
  VolumeSchema,
  ProjectSchema,
  InstanceSchema,
} from '../../examples/cloud/entities.ts';
import type { Instance, Project, Tenant, Volume } from '../../examples/cloud/entities.ts';
import { Cloud } from '../../examples/cloud/cloud.ts';
import { cloudApp } from '../../examples/cloud/executors.ts';
import { places } from '../../examples/cloud/places.ts';
import type { TestReeve } from '../../src/testing/index.ts';
import { withKit } from './kit.ts';

/** The cloud example on a database of its own, driven by the test kit. */
export async function withCloud(use: (kit: TestReeve, dataSource: DataSource) => Promise<void>): Promise<void> {
  places.cloud = new Cloud();
  places.cloud.latencyMs = 0;
  await withKit({ ...cloudApp, entities: cloudEntities }, async (kit, dataSource) => {
    places.dataSource = dataSource;
    await use(kit, dataSource);
  });
}

export async function newProject(dataSource: DataSource, name = 'project'): Promise<Project> {
  const { id } = await dataSource.manager.save(ProjectSchema, { name, state: 'ok' });
  return dataSource.manager.findOneByOrFail(ProjectSchema, { id });
}

/** A tenant that is there in the cloud. */
export async function newTenant(dataSource: DataSource, project: Project, name = 'tenant'): Promise<Tenant> {
  const backendId = await places.cloud.create('tenant', name, name);
  const { id } = await dataSource.manager.save(TenantSchema, { name, state: 'ok', backendId, project });
  return dataSource.manager.findOneOrFail(TenantSchema, { where: { id }, relations: { project: true } });
}

/** An instance with volumes, none of them in the cloud yet. */
export async function newInstance(
  dataSource: DataSource,
  tenant: Tenant,
  name: string,
  volumes: number,
): Promise<Instance> {
  const { id } = await dataSource.manager.save(InstanceSchema, { name, tenant });
  const instance = await dataSource.manager.findOneByOrFail(InstanceSchema, { id });
  for (let index = 1; index <= volumes; index += 1) {
    await dataSource.manager.save(VolumeSchema, { name: `${name}-${index}`, sizeGb: 10, tenant, instance });
  }
  return instance;
}

/** Names and states of all volumes, by name. */
export async function volumeStates(dataSource: DataSource): Promise<string[]> {
  const rows: Volume[] = await dataSource.manager.find(VolumeSchema, { order: { name: 'ASC' } });
  return rows.map(({ name, state }) => `${name} ${state}`);
}
