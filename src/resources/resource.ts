import { Column, PrimaryColumn, type ColumnOptions, type PrimaryColumnOptions } from 'typeorm';
import { resourceColumns } from './resource-columns.ts';

/**
 * The parent of a resource that is a decorated TypeORM entity: `@Entity() class Volume extends Resource { … }`.
 *
 * The properties are read-only for users: they change through executions only, by compare-and-set.
 */
export abstract class Resource {
  readonly id!: string;
  readonly state!: string;
  /** The execution that owns the resource now, or null in a stable state. */
  readonly executionId!: string | null;
  readonly runtimeState!: string;
  /** What an action executor is doing, for people; empty when nothing is under way. */
  readonly action!: string;
  readonly actionDetails!: Readonly<Record<string, unknown>>;
  readonly errorMessage!: string;
  readonly errorTraceback!: string;
  /** The id of the object in the outside system; empty before it exists there. */
  readonly backendId!: string;
}

/** TypeORM's decorators are functions; called as such, this file stays plain JavaScript for Node. */
for (const [property, options] of Object.entries(resourceColumns)) {
  const decorate =
    'primary' in options
      ? PrimaryColumn(options as unknown as PrimaryColumnOptions)
      : Column(options as unknown as ColumnOptions);
  decorate(Resource.prototype, property);
}
