import type { DataSource, EntityManager, ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { problemsError, ReeveError } from '../core/errors.ts';
import type { ResourceCheck } from '../executions/invariants.ts';
import type { ResourceRef } from '../executions/resource-writes.ts';
import type { ResourceDefinition } from './define-resource.ts';
import { ResourceTable, tableProblems } from './resource-table.ts';

/** The resources of one Reeve, with the tables of their rows. */
export class ResourceRegistry {
  readonly #dataSource: DataSource;
  readonly #resources = new Map<string, { readonly definition: ResourceDefinition; readonly table: ResourceTable }>();

  /** @throws CONFIGURATION_INVALID with everything that is wrong with the entities. */
  constructor(dataSource: DataSource, definitions: readonly ResourceDefinition[]) {
    this.#dataSource = dataSource;
    const problems = definitions.flatMap((definition) => tableProblems(dataSource, definition));
    if (problems.length > 0)
      throw problemsError('CONFIGURATION_INVALID', 'Resources do not fit the dataSource', problems);
    for (const definition of definitions) {
      const table = new ResourceTable(dataSource.getMetadata(definition.target), definition.name);
      this.#resources.set(definition.name, { definition, table });
    }
  }

  get(type: string): { readonly definition: ResourceDefinition; readonly table: ResourceTable } {
    const found = this.#resources.get(type);
    if (found === undefined) throw new ReeveError('RESOURCE_UNKNOWN', `resource type "${type}" is not registered here`);
    return found;
  }

  /**
   * Type and id of an object, or of an id given as text.
   *
   * @throws RESOURCE_UNKNOWN when the object has no id yet or is of another entity.
   */
  ref(definition: ResourceDefinition, resource: unknown): ResourceRef {
    const { table } = this.get(definition.name);
    const id: unknown =
      resource !== null && typeof resource === 'object'
        ? (resource as Record<string, unknown>)[table.idProperty]
        : resource;
    if ((typeof id === 'string' && id !== '') || typeof id === 'number' || typeof id === 'bigint') {
      return { type: definition.name, id: String(id) };
    }
    throw new ReeveError(
      'RESOURCE_UNKNOWN',
      `a ${definition.name} was given whose "${table.idProperty}" is ${JSON.stringify(id) ?? 'undefined'}; save it first`,
    );
  }

  /** The row as it is now, with the relations of its definition; undefined when it does not exist. */
  async load(ref: ResourceRef, manager: EntityManager = this.#dataSource.manager): Promise<ObjectLiteral | undefined> {
    const { definition, table } = this.get(ref.type);
    const relations = Object.fromEntries(definition.relations.map((relation) => [relation, true]));
    const row = await manager.findOne(definition.target, { where: { [table.idProperty]: ref.id }, relations });
    return row ?? undefined;
  }

  /** A query on the rows of a type, under the alias `resource`. */
  query(type: string): SelectQueryBuilder<ObjectLiteral> {
    return this.#dataSource.manager.createQueryBuilder(this.get(type).definition.target, 'resource');
  }

  /** The resource types that are registered here. */
  types(): string[] {
    return [...this.#resources.keys()];
  }

  /** The tables as the invariant checker needs them. */
  checks(): ResourceCheck[] {
    return [...this.#resources.values()].map(({ definition, table }) => ({
      type: definition.name,
      path: table.path,
      idColumn: table.idColumn,
      stateColumn: table.column('state').name,
      ownerColumn: table.column('executionId').name,
      initial: definition.states.initial,
      stable: definition.states.stable,
    }));
  }
}
