import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { ReeveError } from '../core/errors.ts';
import { withFileLock } from './file-lock.ts';
import type { SecretResolver } from './secrets.ts';

/**
 * Secrets in one JSON file, `{ "secretRef": "secret" }`, which only its owner may read (mode 0600).
 *
 * For one machine: the file is not encrypted. Any number of processes may use it at the same time.
 */
export class FileSecrets implements SecretResolver {
  readonly #file: string;

  constructor(file: string) {
    this.#file = path.resolve(file);
  }

  /** @throws SECRET_UNRESOLVED when the name is not in the file, or others than the owner may read the file. */
  async resolve(secretRef: string): Promise<string> {
    const secret = (await this.#read()).get(secretRef);
    if (secret === undefined) {
      throw new ReeveError('SECRET_UNRESOLVED', `secretRef ${JSON.stringify(secretRef)} is not in ${this.#file}`);
    }
    return secret;
  }

  /**
   * The secret of that name; a new one of 32 random bytes (43 letters, digits, `-` and `_`) is stored when there is
   * none. Calls at the same time, from several processes too, get the same one.
   */
  async ensure(secretRef: string): Promise<string> {
    const known = (await this.#read()).get(secretRef);
    if (known !== undefined) return known;
    await mkdir(path.dirname(this.#file), { recursive: true, mode: 0o700 });
    return withFileLock(`${this.#file}.lock`, async () => {
      const secrets = await this.#read();
      const stored = secrets.get(secretRef);
      if (stored !== undefined) return stored;
      const secret = randomBytes(32).toString('base64url');
      await this.#write(secrets.set(secretRef, secret));
      return secret;
    });
  }

  async #read(): Promise<Map<string, string>> {
    let text: string;
    try {
      const { mode } = await stat(this.#file);
      if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
        const octal = (mode & 0o777).toString(8).padStart(4, '0');
        throw new ReeveError(
          'SECRET_UNRESOLVED',
          `${this.#file} can be read by others (mode ${octal}); run chmod 600 on it`,
        );
      }
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      if (Error.isError(error) && 'code' in error && error.code === 'ENOENT') return new Map();
      throw error;
    }
    return parse(text, this.#file);
  }

  /** A reader sees the old file or the new one, never a part; the new one is on the disk before it takes the place. */
  async #write(secrets: ReadonlyMap<string, string>): Promise<void> {
    const draft = `${this.#file}.${randomBytes(6).toString('hex')}`;
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(Object.fromEntries(secrets), undefined, 2)}\n`);
      await handle.sync();
      await handle.close();
      await rename(draft, this.#file);
    } catch (error) {
      await handle.close().catch(() => undefined);
      await rm(draft, { force: true });
      throw error;
    }
  }
}

/** The error of JSON.parse quotes the text, so it is not passed on. */
function parse(text: string, file: string): Map<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const entries = isObject ? Object.entries(value as Record<string, unknown>) : [];
  if (!isObject || !entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')) {
    throw new ReeveError('SECRET_UNRESOLVED', `${file} is not a JSON object of texts: { "secretRef": "secret" }`);
  }
  return new Map(entries);
}
