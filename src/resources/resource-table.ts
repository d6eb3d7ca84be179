import type { DataSource, EntityMetadata } from 'typeorm';
import { ReeveError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest-name.ts';
import type { ResourceDefinition } from './define-resource.ts';
import { requiredEngineProperties } from './resource-columns.ts';

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Where the rows of a resource are: its table and columns, read from TypeORM's metadata once. */
export class ResourceTable {
  /** Schema and table, quoted. */
  readonly path: string;
  readonly idColumn: string;
  readonly idProperty: string;
  /** Quoted column by property. */
  readonly #columns = new Map<string, { readonly name: string; readonly json: boolean }>();
  /** The column that TypeORM sets at each update, which the engine's updates set as well. */
  readonly updatedColumn: string | undefined;
  readonly #resource: string;

  constructor(metadata: EntityMetadata, resource: string) {
    this.#resource = resource;
    this.path = metadata.tablePath.split('.').map(quote).join('.');
    const id = metadata.primaryColumns[0];
    if (id === undefined) throw new ReeveError('CONFIGURATION_INVALID', `resource "${resource}" has no primary column`);
    this.idColumn = quote(id.databaseName);
    this.idProperty = id.propertyName;
    for (const column of metadata.columns) {
      if (column.relationMetadata !== undefined) continue;
      const json = column.type === 'json' || column.type === 'jsonb';
      this.#columns.set(column.propertyName, { name: quote(column.databaseName), json });
    }
    this.updatedColumn =
      metadata.updateDateColumn === undefined ? undefined : quote(metadata.updateDateColumn.databaseName);
  }

  column(property: string): { readonly name: string; readonly json: boolean } {
    const column = this.#columns.get(property);
    if (column !== undefined) return column;
    throw new ReeveError(
      'PLAN_INVALID',
      `resource "${this.#resource}" has no column "${property}"${didYouMean(property, this.#columns.keys())}`,
    );
  }

  has(property: string): boolean {
    return this.#columns.has(property);
  }
}

/** What is wrong with the entity of a resource, as problem texts. */
export function tableProblems(dataSource: DataSource, resource: ResourceDefinition): string[] {
  if (!dataSource.hasMetadata(resource.target)) {
    return [`resource "${resource.name}": its entity is not among the entities of the dataSource`];
  }
  const metadata = dataSource.getMetadata(resource.target);
  const problems: string[] = [];
  if (metadata.primaryColumns.length !== 1) {
    problems.push(
      `resource "${resource.name}": its entity has ${metadata.primaryColumns.length} primary columns; use one`,
    );
  }
  const properties = new Set(metadata.columns.map((column) => column.propertyName));
  const missing = requiredEngineProperties.filter((property) => !properties.has(property));
  if (missing.length > 0) {
    problems.push(
      `resource "${resource.name}": its entity lacks ${missing.join(', ')}; extend Resource or spread resourceColumns`,
    );
  }
  for (const relation of resource.relations) {
    if (!metadata.relations.some((known) => known.propertyName === relation)) {
      const known = metadata.relations.map((candidate) => candidate.propertyName);
      problems.push(`resource "${resource.name}" has no relation "${relation}"${didYouMean(relation, known)}`);
    }
  }
  return problems;
}
