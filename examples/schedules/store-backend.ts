// In an application of yours: from 'reeve'.
import { isReeveError } from '../../src/index.ts';
import type { Backup } from './entities.ts';
import type { Store } from './store.ts';

/** Errors that the next due time would meet again. */
const lasting = ['BACKEND_REJECTED', 'BACKEND_NOT_FOUND'];

/** The driver of the store, as executors call it. */
export class StoreBackend {
  readonly #store: Store;
  readonly #onLastingError: (planId: string, message: string) => Promise<void>;

  /** @param onLastingError - Called before a step fails with an error that will not pass by itself. */
  constructor(store: Store, onLastingError: (planId: string, message: string) => Promise<void>) {
    this.#store = store;
    this.#onLastingError = onLastingError;
  }

  async copy({ id, volume, planId }: Backup): Promise<{ readonly name: string; readonly bytes: number }> {
    try {
      return await this.#store.copy(volume, `${volume}-${id}`);
    } catch (error) {
      if (isReeveError(error) && lasting.includes(error.code)) await this.#onLastingError(planId, error.message);
      throw error;
    }
  }

  /** There is no copy where the creation failed. */
  async remove({ backendId }: Backup): Promise<void> {
    if (backendId !== '') await this.#store.remove(backendId);
  }
}
