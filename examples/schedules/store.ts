import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
// In an application of yours: from 'reeve'.
import { backendNotFound, backendRejected } from '../../src/index.ts';

/** The outside system: a folder of volumes, and one of copies that has a limited capacity. */
export class Store {
  readonly volumes: string;
  readonly #copies: string;
  #capacityBytes: number;

  constructor(folder: string, capacityBytes: number) {
    this.volumes = join(folder, 'volumes');
    this.#copies = join(folder, 'copies');
    this.#capacityBytes = capacityBytes;
  }

  async prepare(): Promise<void> {
    await mkdir(this.volumes, { recursive: true });
    await mkdir(this.#copies, { recursive: true });
  }

  /** As when somebody else fills the disk, or buys another. */
  set capacityBytes(bytes: number) {
    this.#capacityBytes = bytes;
  }

  /**
   * Copies a volume under a name of the caller's; to copy it there again is harmless.
   *
   * @throws BACKEND_NOT_FOUND without such a volume, BACKEND_REJECTED when the copies would not fit: both are lasting.
   */
  async copy(volume: string, name: string): Promise<{ readonly name: string; readonly bytes: number }> {
    const from = join(this.volumes, volume);
    const size = await stat(from).then(
      (found) => found.size,
      () => undefined,
    );
    if (size === undefined) throw backendNotFound(`there is no volume ${volume}`);
    const used = await this.usedBytes();
    if (used + size > this.#capacityBytes) {
      throw backendRejected(`the store of copies is full: ${used} of ${this.#capacityBytes} bytes`);
    }
    await copyFile(from, join(this.#copies, name));
    return { name, bytes: size };
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#copies, name), { force: true });
  }

  async list(): Promise<string[]> {
    return (await readdir(this.#copies)).toSorted();
  }

  async usedBytes(): Promise<number> {
    const sizes = (await this.list()).map(async (name) => (await stat(join(this.#copies, name))).size);
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }
}
