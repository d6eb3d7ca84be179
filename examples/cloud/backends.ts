import type { BackendContext } from '../../src/index.ts';
import type { Cloud, CloudState } from './cloud.ts';

/** What is at the other end of a resource: all kinds have a name and an id in the cloud. */
interface Target {
  readonly name: string;
  readonly backendId: string;
}

/** The driver of the cloud for one kind of object. */
export class CloudBackend {
  readonly #cloud: Cloud;
  readonly #kind: string;
  readonly #context: BackendContext;

  constructor(cloud: Cloud, kind: string, context: BackendContext) {
    this.#cloud = cloud;
    this.#kind = kind;
    this.#context = context;
  }

  async create(target: Target & { readonly sizeGb?: number }): Promise<{ id: string }> {
    const id = await this.#cloud.create(this.#kind, target.name, this.#context.idempotencyKey, target.sizeGb);
    return { id };
  }

  async state(target: Target): Promise<CloudState> {
    return this.#cloud.state(target.backendId, target.name);
  }

  async stop(target: Target): Promise<void> {
    await this.#cloud.change('stop', target.backendId, target.name, 'STOPPED');
  }

  async destroy(target: Target): Promise<void> {
    await this.#cloud.change('destroy', target.backendId, target.name, 'GONE');
  }

  async attach(target: Target): Promise<void> {
    await this.#cloud.change('attach', target.backendId, target.name, 'IN_USE');
  }

  async detach(target: Target): Promise<void> {
    await this.#cloud.change('detach', target.backendId, target.name, 'AVAILABLE');
  }

  async extend(target: Target, sizeGb: number): Promise<{ sizeGb: number }> {
    await this.#cloud.extend(target.backendId, target.name, sizeGb);
    return { sizeGb };
  }

  async pullAddress(target: Target): Promise<{ address: string }> {
    await this.#cloud.state(target.backendId, target.name);
    return { address: `10.0.0.${target.name.length}` };
  }

  async releaseAddress(target: Target): Promise<void> {
    await this.#cloud.change('release', target.backendId, target.name, 'ACTIVE');
  }

  async pullQuota(target: Target): Promise<{ quota: number }> {
    await this.#cloud.change('pull quota', target.backendId, target.name, 'ACTIVE');
    return { quota: 100 };
  }

  async pullNetworks(target: Target): Promise<void> {
    await this.#cloud.change('pull networks', target.backendId, target.name, 'ACTIVE');
  }
}
