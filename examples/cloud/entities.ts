import { EntitySchema } from 'typeorm';
import { resourceColumns } from '../../src/index.ts';

/** The columns that every tracked resource has. */
interface Tracked {
  id: string;
  readonly state: string;
  readonly executionId: string | null;
  readonly runtimeState: string;
  readonly action: string;
  readonly errorMessage: string;
  /** Its id in the cloud; empty before it is there. */
  readonly backendId: string;
  name: string;
}

export interface Project extends Tracked {
  readonly kind?: 'project';
}

/** A place in the cloud, with limits of its own. */
export interface Tenant extends Tracked {
  project: Project;
  /** How many volumes and instances are provisioned at once; null: as many as the default says. */
  maxProvisioning: number | null;
  readonly quota: number;
}

export interface Instance extends Tracked {
  tenant: Tenant;
  volumes: Volume[];
  readonly address: string;
}

export interface Volume extends Tracked {
  tenant: Tenant;
  instance: Instance | null;
  sizeGb: number;
}

export interface Cluster extends Tracked {
  nodes: Node[];
}

export interface Node extends Tracked {
  cluster: Cluster;
  role: 'controlplane' | 'worker';
}

/** Moves the volumes of one tenant into another. */
export interface Migration extends Tracked {
  from: Tenant;
  to: Tenant;
}

const columns = { ...resourceColumns, name: { type: 'text' } } as const;
const belongsTo = (target: string, column: string, isNullable = false) =>
  ({ type: 'many-to-one', target, joinColumn: { name: column }, nullable: isNullable }) as const;

export const ProjectSchema = new EntitySchema<Project>({ name: 'cloud_project', columns });

export const TenantSchema = new EntitySchema<Tenant>({
  name: 'cloud_tenant',
  columns: {
    ...columns,
    maxProvisioning: { name: 'max_provisioning', type: 'integer', nullable: true },
    quota: { type: 'integer', default: 0 },
  },
  relations: { project: belongsTo('cloud_project', 'project_id') },
});

export const InstanceSchema = new EntitySchema<Instance>({
  name: 'cloud_instance',
  columns: { ...columns, address: { type: 'text', default: '' } },
  relations: {
    tenant: belongsTo('cloud_tenant', 'tenant_id'),
    volumes: { type: 'one-to-many', target: 'cloud_volume', inverseSide: 'instance' },
  },
});

export const VolumeSchema = new EntitySchema<Volume>({
  name: 'cloud_volume',
  columns: { ...columns, sizeGb: { name: 'size_gb', type: 'integer' } },
  relations: {
    tenant: belongsTo('cloud_tenant', 'tenant_id'),
    instance: { ...belongsTo('cloud_instance', 'instance_id', true), onDelete: 'SET NULL' },
  },
});

export const ClusterSchema = new EntitySchema<Cluster>({
  name: 'cloud_cluster',
  columns,
  relations: { nodes: { type: 'one-to-many', target: 'cloud_node', inverseSide: 'cluster' } },
});

export const NodeSchema = new EntitySchema<Node>({
  name: 'cloud_node',
  columns: { ...columns, role: { type: 'text' } },
  relations: { cluster: belongsTo('cloud_cluster', 'cluster_id') },
});

export const MigrationSchema = new EntitySchema<Migration>({
  name: 'cloud_migration',
  columns,
  relations: { from: belongsTo('cloud_tenant', 'from_id'), to: belongsTo('cloud_tenant', 'to_id') },
});

export const cloudEntities = [
  ProjectSchema,
  TenantSchema,
  InstanceSchema,
  VolumeSchema,
  ClusterSchema,
  NodeSchema,
  MigrationSchema,
];
