import { ReeveError } from '../core/errors.ts';

/** Where a backend gets the secrets that resources name; the ledger holds only the names. */
export interface SecretResolver {
  /** @throws SECRET_UNRESOLVED when nothing is stored under the name. */
  resolve(secretRef: string): Promise<string>;
}

export interface EnvironmentSecretsOptions {
  /** Only variables that begin with it can be reached through a secretRef. Default `REEVE_SECRET_`. */
  readonly prefix?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * Secrets from environment variables: the secretRef `databases/main-password` is read from
 * `REEVE_SECRET_DATABASES_MAIN_PASSWORD`. References that differ only in letter case or in signs share a variable.
 */
export class EnvironmentSecrets implements SecretResolver {
  readonly #prefix: string;
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor(options: EnvironmentSecretsOptions = {}) {
    this.#prefix = options.prefix ?? 'REEVE_SECRET_';
    this.#environment = options.environment ?? process.env;
  }

  async resolve(secretRef: string): Promise<string> {
    const variable = this.#prefix + secretRef.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
    const secret = this.#environment[variable];
    if (secret === undefined || secret === '') {
      throw new ReeveError(
        'SECRET_UNRESOLVED',
        `secretRef ${JSON.stringify(secretRef)}: the environment variable ${variable} is not set`,
      );
    }
    return secret;
  }
}
