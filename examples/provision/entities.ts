import { EntitySchema } from 'typeorm';
import { resourceColumns } from '../../src/index.ts';

/** A PostgreSQL server that databases are made on. Its address is not in the row. */
export interface Server {
  id: string;
  name: string;
  /** The environment variable that holds the administrator's URL. */
  adminUrlFrom: string;
}

export const ServerSchema = new EntitySchema<Server>({
  name: 'server',
  columns: {
    id: { type: 'uuid', primary: true, default: () => 'gen_random_uuid()' },
    name: { type: 'text', unique: true },
    adminUrlFrom: { name: 'admin_url_from', type: 'text' },
  },
});

/** A database with its owner role: the tracked resource. */
export interface Database {
  id: string;
  readonly state: string;
  readonly executionId: string | null;
  readonly action: string;
  readonly errorMessage: string;
  readonly errorTraceback: string;
  /** The name of the database on the server; empty before it exists there. */
  readonly backendId: string;
  name: string;
  role: string;
  /** The role, once it exists on the server; until then empty. */
  backendRole: string;
  /** Names the password of the role; the password itself is only in the secrets file. */
  secretRef: string;
  connectionLimit: number;
  server: Server;
}

export const DatabaseSchema = new EntitySchema<Database>({
  name: 'provisioned_database',
  columns: {
    ...resourceColumns,
    name: { type: 'text' },
    role: { type: 'text' },
    backendRole: { name: 'backend_role', type: 'text', default: '' },
    secretRef: { name: 'secret_ref', type: 'text' },
    connectionLimit: { name: 'connection_limit', type: 'integer', default: -1 },
  },
  relations: {
    server: { type: 'many-to-one', target: 'server', joinColumn: { name: 'server_id' }, nullable: false },
  },
  uniques: [{ columns: ['server', 'name'] }],
});
