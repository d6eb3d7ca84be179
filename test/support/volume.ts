import { Column, Entity, EntitySchema } from 'typeorm';
import { defineResource, lifecycle, Resource, resourceColumns } from '../../src/index.ts';
import type { BackendContext } from '../../src/index.ts';

/** A resource as a decorated entity. */
@Entity({ name: 'volume' })
export class Volume extends Resource {
  @Column({ type: 'text' }) name!: string;
  @Column({ type: 'integer', default: 1 }) sizeGb!: number;
}

/** A resource as an EntitySchema. */
export interface Instance {
  id: string;
  readonly state: string;
  readonly executionId: string | null;
  readonly runtimeState: string;
  readonly action: string;
  readonly actionDetails: unknown;
  readonly errorMessage: string;
  readonly errorTraceback: string;
  readonly backendId: string;
  name: string;
}

export const InstanceSchema = new EntitySchema<Instance>({
  name: 'instance',
  columns: { ...resourceColumns, name: { type: 'text' } },
});

export type Call = readonly [method: string, ...args: unknown[]];

/** What the outside system of a test does, and what it was asked. One for each test. */
export class Outside {
  readonly calls: Call[] = [];
  readonly contexts: BackendContext[] = [];
  /** By method: what it answers or throws, call by call; the last one repeats. */
  readonly script = new Map<string, ((call: number) => unknown)[]>();

  on(method: string, ...answers: ((call: number) => unknown)[]): void {
    this.script.set(method, answers);
  }

  async answer(method: string, ...args: unknown[]): Promise<unknown> {
    const count = this.calls.filter(([name]) => name === method).length;
    this.calls.push([method, ...args]);
    const answers = this.script.get(method) ?? [];
    return (answers[count] ?? answers.at(-1))?.(count + 1);
  }

  names(): string[] {
    return this.calls.map(([name]) => name);
  }
}

/** The backend of volumes and instances: a driver of {@link Outside}. */
export class OutsideBackend {
  readonly #outside: Outside;

  constructor(outside: Outside) {
    this.#outside = outside;
  }

  async create(target: { name: string }, options: { image?: string } = {}): Promise<{ actionId: string }> {
    const answer = await this.#outside.answer('create', target.name, options);
    return (answer as { actionId: string } | undefined) ?? { actionId: `action-${target.name}` };
  }

  async wait(_target: { name: string }, actionId: string): Promise<string> {
    await this.#outside.answer('wait', actionId);
    return actionId;
  }

  async isReady(_target: { name: string }): Promise<boolean> {
    return ((await this.#outside.answer('isReady')) as boolean | undefined) ?? true;
  }

  async state(_target: { name: string }): Promise<'BUILD' | 'ACTIVE' | 'ERROR' | 'DELETED'> {
    return ((await this.#outside.answer('state')) as 'BUILD' | undefined) ?? 'ACTIVE';
  }

  async rename(target: { name: string }): Promise<void> {
    await this.#outside.answer('rename', target.name);
  }

  async extend(_target: { name: string }, sizeGb: number): Promise<void> {
    await this.#outside.answer('extend', sizeGb);
  }

  async remove(target: { name: string }): Promise<void> {
    await this.#outside.answer('remove', target.name);
  }

  async list(prefix: string): Promise<string[]> {
    await this.#outside.answer('list', prefix);
    return [`${prefix}-1`];
  }
}

/** The resources of a test, with an outside system of its own. */
export function testResources(outside: Outside) {
  const backend = (_resource: unknown, context: BackendContext): OutsideBackend => {
    outside.contexts.push(context);
    return new OutsideBackend(outside);
  };
  return {
    volume: defineResource(Volume, { name: 'test.volume', states: lifecycle, backend }),
    instance: defineResource(InstanceSchema, { name: 'test.instance', states: lifecycle, backend }),
  };
}
