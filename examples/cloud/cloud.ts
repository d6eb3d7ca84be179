import { setTimeout as pause } from 'node:timers/promises';
import { backendNotFound, backendRejected, backendUnavailable } from '../../src/index.ts';

export type CloudState = 'BUILD' | 'AVAILABLE' | 'IN_USE' | 'ACTIVE' | 'STOPPED' | 'DELETING' | 'GONE' | 'ERROR';

interface CloudObject {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  state: CloudState;
  /** What it becomes, and after how many looks: the cloud answers before it has done what it was asked. */
  next?: { readonly state: CloudState; looks: number };
  sizeGb: number;
}

export interface CloudCall {
  readonly method: string;
  readonly name: string;
  /** Milliseconds from the start of the cloud. */
  readonly from: number;
  to: number;
}

/**
 * A cloud that behaves like one: each call takes a while, what was asked for is done later, an object that was made is
 * not there at once for whoever asks for it, and it refuses a second request with the same key.
 */
export class Cloud {
  readonly objects = new Map<string, CloudObject>();
  readonly calls: CloudCall[] = [];
  latencyMs = 5;
  /** How many looks it takes until something has changed. */
  looks = 1;
  readonly #made = new Map<string, string>();
  readonly #failures: { readonly method: string; readonly name: string; left: number; readonly error: Error }[] = [];
  readonly #born = performance.now();

  /** The next calls of a method for an object of this name fail: for good, or as one that is only busy. */
  fail(method: string, name: string, how: 'busy' | 'refused' = 'refused', times = 1): void {
    const text = `the cloud ${how === 'busy' ? 'is busy' : 'refuses'}: ${method} ${name}`;
    const error = how === 'busy' ? backendUnavailable(text) : backendRejected(text);
    this.#failures.push({ method, name, left: times, error });
  }

  async create(kind: string, name: string, key: string, sizeGb = 0): Promise<string> {
    return this.#call(`create ${kind}`, name, () => {
      const known = this.#made.get(key);
      if (known !== undefined) return known;
      const id = `${kind}-${this.#made.size + 1}`;
      this.#made.set(key, id);
      const ready = kind === 'volume' ? 'AVAILABLE' : 'ACTIVE';
      this.objects.set(id, { id, kind, name, sizeGb, state: 'BUILD', next: { state: ready, looks: this.looks } });
      return id;
    });
  }

  async state(id: string, name: string): Promise<CloudState> {
    return this.#call('state', name, () => {
      const object = this.objects.get(id);
      if (object === undefined) return 'GONE';
      if (object.next !== undefined) {
        object.next.looks -= 1;
        if (object.next.looks < 0) {
          object.state = object.next.state;
          delete object.next;
        }
      }
      if (object.state === 'GONE') this.objects.delete(id);
      return object.state;
    });
  }

  /** Asks for a change that is there after some looks. */
  async change(method: string, id: string, name: string, to: CloudState): Promise<void> {
    await this.#call(method, name, () => {
      const object = this.objects.get(id);
      if (object === undefined) throw backendNotFound(`there is no ${id}`);
      object.next = { state: to, looks: this.looks };
    });
  }

  async extend(id: string, name: string, sizeGb: number): Promise<void> {
    await this.#call('extend', name, () => {
      const object = this.objects.get(id);
      if (object?.state !== 'AVAILABLE') throw backendRejected(`${name} is ${object?.state ?? 'gone'}, not AVAILABLE`);
      object.sizeGb = sizeGb;
      object.next = { state: 'AVAILABLE', looks: this.looks };
    });
  }

  /** What was asked, without looks, as `method name`. */
  asked(): string[] {
    return this.calls.filter(({ method }) => method !== 'state').map(({ method, name }) => `${method} ${name}`);
  }

  async #call<T>(method: string, name: string, work: () => T): Promise<T> {
    const call: CloudCall = { method, name, from: performance.now() - this.#born, to: Number.POSITIVE_INFINITY };
    this.calls.push(call);
    await pause(this.latencyMs);
    try {
      const failure = this.#failures.find((one) => one.left > 0 && one.method === method && one.name === name);
      if (failure === undefined) return work();
      failure.left -= 1;
      throw failure.error;
    } finally {
      call.to = performance.now() - this.#born;
    }
  }
}
