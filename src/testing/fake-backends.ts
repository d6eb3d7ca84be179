import type { ObjectLiteral } from 'typeorm';
import type { ResourceDefinition } from '../resources/define-resource.ts';

/** One call of a backend, with what it was given besides the resource. */
export interface BackendCall {
  readonly method: string;
  readonly args: readonly unknown[];
  /** How it ended; undefined while it is under way. */
  outcome?: 'answered' | 'threw';
}

type Behaviour = { readonly times: number; readonly act: () => unknown };

/** The backend of one kind of resource, as a test sees it: what it was asked, and what it is told to answer. */
export class BackendProbe<Method extends string = string> {
  readonly calls: BackendCall[] = [];
  readonly #behaviours = new Map<string, { left: number; readonly act: () => unknown }[]>();

  /** The next calls of a method throw; after `times` of them (default 1) it works again. */
  fail(method: Method, error: Error | string, options: { readonly times?: number } = {}): this {
    const thrown = typeof error === 'string' ? new Error(error) : error;
    return this.#next(method, {
      times: options.times ?? 1,
      act: () => {
        throw thrown;
      },
    });
  }

  /** The next calls of a method answer this, and the real one is not called; `times` as in {@link fail}. */
  answer(method: Method, value: unknown, options: { readonly times?: number } = {}): this {
    return this.#next(method, { times: options.times ?? 1, act: () => value });
  }

  /** The names of the methods that were called, in order. */
  names(): string[] {
    return this.calls.map((call) => call.method);
  }

  /** The backend that steps get: the real one, with what was told above put before it. */
  wrap(backend: unknown): unknown {
    if (backend === null || typeof backend !== 'object') return backend;
    return new Proxy(backend, {
      get: (target, name): unknown => {
        const real: unknown = Reflect.get(target, name);
        if (typeof name !== 'string' || typeof real !== 'function') return real;
        return async (...args: unknown[]) => this.#call(name, args, () => real.apply(target, args) as unknown);
      },
    });
  }

  async #call(method: string, args: readonly unknown[], real: () => unknown): Promise<unknown> {
    const call: BackendCall = { method, args: args.slice(1) };
    this.calls.push(call);
    const behaviour = this.#behaviours.get(method)?.find(({ left }) => left > 0);
    if (behaviour !== undefined) behaviour.left -= 1;
    try {
      const answer = await (behaviour === undefined ? real() : behaviour.act());
      call.outcome = 'answered';
      return answer;
    } catch (error) {
      call.outcome = 'threw';
      throw error;
    }
  }

  #next(method: string, { times, act }: Behaviour): this {
    this.#behaviours.set(method, [...(this.#behaviours.get(method) ?? []), { left: times, act }]);
    return this;
  }
}

/** The resources of an application with a probe on the backend of each. */
export class FakeBackends {
  readonly resources: readonly ResourceDefinition[];
  readonly #probes = new Map<string, BackendProbe>();

  constructor(resources: readonly ResourceDefinition[]) {
    this.resources = resources.map((definition) => {
      const { backend } = definition;
      const probe = new BackendProbe();
      this.#probes.set(definition.name, probe);
      if (backend === undefined) return definition;
      return {
        ...definition,
        backend: (row: ObjectLiteral, context: Parameters<typeof backend>[1]) => probe.wrap(backend(row, context)),
      };
    });
  }

  of(name: string): BackendProbe {
    const probe = this.#probes.get(name);
    if (probe !== undefined) return probe;
    throw new Error(`resource "${name}" is not used by any executor of this Reeve, so it has no backend here`);
  }
}
