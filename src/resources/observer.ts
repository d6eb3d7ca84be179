import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import type { ResourceRef } from '../executions/resource-writes.ts';
import type { Observations } from './observations.ts';
import type { ResourceRegistry } from './resource-registry.ts';

/** A query on the rows of a resource, under the alias `resource`. */
export type ResourceQuery<R extends ObjectLiteral = ObjectLiteral> = SelectQueryBuilder<R>;

/** A row as an observer has read it. */
export interface Observed {
  readonly resource: ObjectLiteral;
  /** Changes with every write of the row. */
  readonly version: string;
}

/** Reads resources where the step runs, and leaves what is written of them to the ledger: see {@link Observations}. */
export class Observer implements Pick<Observations, 'save' | 'mark' | 'forget'> {
  readonly #registry: ResourceRegistry;
  readonly #observations: Observations;
  readonly save: Observations['save'];
  readonly mark: Observations['mark'];
  readonly forget: Observations['forget'];

  constructor(registry: ResourceRegistry, observations: Observations) {
    this.#registry = registry;
    this.#observations = observations;
    this.save = (...args) => observations.save(...args);
    this.mark = (...args) => observations.mark(...args);
    this.forget = (...args) => observations.forget(...args);
  }

  /** The row and its relations; `owned` where an execution has it, `gone` where there is none. */
  async read(ref: ResourceRef): Promise<Observed | 'owned' | 'gone'> {
    const seen = await this.#observations.look(ref);
    // The version is read first: a row that changes in between is newer than its version, and is not written.
    const resource = seen === undefined ? undefined : await this.#registry.load(ref);
    if (seen === undefined || resource === undefined) return 'gone';
    return seen.isFree ? { resource, version: seen.version } : 'owned';
  }

  /** The ids of the rows that nobody owns and that exist outside, as far as the query wants them. */
  async list(type: string, narrow: ((query: ResourceQuery) => unknown) | undefined): Promise<string[]> {
    const { definition, table } = this.#registry.get(type);
    const query = this.#registry.query(type);
    query
      .select(`resource.${table.idProperty}`, 'id')
      .where('resource.executionId IS NULL')
      .andWhere('resource.state IN (:...stable)', { stable: definition.states.stable });
    if (table.has('backendId')) query.andWhere(`resource.backendId <> ''`);
    narrow?.(query);
    const rows = await query.orderBy(`resource.${table.idProperty}`).getRawMany<{ id: string | number }>();
    return rows.map(({ id }) => String(id));
  }
}
