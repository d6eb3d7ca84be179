import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FileSecrets } from '../../../src/backends/file-secrets.ts';
import { EnvironmentSecrets } from '../../../src/backends/secrets.ts';

const moduleUrl = new URL('../../../src/backends/file-secrets.ts', import.meta.url).href;

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reeve-secrets-'));
  file = join(folder, 'private', 'secrets.json');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('secrets in a file', () => {
  it('are made once and found again, in a file and a folder that only the owner may read', async () => {
    const secret = await new FileSecrets(file).ensure('db/main');

    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await new FileSecrets(file).ensure('db/main')).toBe(secret);
    expect(await new FileSecrets(file).resolve('db/main')).toBe(secret);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'private'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(folder, 'private'))).toEqual(['secrets.json']);
  });

  it('are all kept when many are made at the same time', async () => {
    const refs = Array.from({ length: 40 }, (_, index) => `ref ${index % 20}`);
    const made = await Promise.all(refs.map((ref) => new FileSecrets(file).ensure(ref)));
    expect(new Set(made).size).toBe(20);
    expect(await Promise.all(refs.map((ref) => new FileSecrets(file).resolve(ref)))).toEqual(made);
  });

  it('are the same for several processes that make them at the same time', async () => {
    const code = `
      import { FileSecrets } from ${JSON.stringify(moduleUrl)};
      const secrets = new FileSecrets(${JSON.stringify(file)});
      const made = {};
      for (let i = 0; i < 10; i += 1) made[i] = await secrets.ensure('ref ' + i);
      console.log(JSON.stringify(made));`;
    const outputs = await Promise.all(
      [1, 2, 3].map(() =>
        text(
          spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout,
        ),
      ),
    );
    expect(Object.keys(JSON.parse(outputs[0]!) as object)).toHaveLength(10);
    expect(new Set(outputs).size).toBe(1);
  });

  it('can be made after a process died while it made one', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    await new FileSecrets(file).ensure('first');
    await writeFile(`${file}.lock`, `${dead.pid} 0123456789ab`);

    await new FileSecrets(file).ensure('second');

    expect(Object.keys(JSON.parse(await readFile(file, 'utf8')) as object)).toEqual(['first', 'second']);
    expect(await readdir(join(folder, 'private'))).toEqual(['secrets.json']);
  });

  it('are not resolved when they are not there, and the error names where they were looked for', async () => {
    const missing = { code: 'SECRET_UNRESOLVED', message: `secretRef "db/main" is not in ${file}` };
    await expect(new FileSecrets(file).resolve('db/main')).rejects.toMatchObject(missing);
    await new FileSecrets(file).ensure('another');
    await expect(new FileSecrets(file).resolve('db/main')).rejects.toMatchObject(missing);
    await expect(new FileSecrets(file).resolve('__proto__')).rejects.toMatchObject({ code: 'SECRET_UNRESOLVED' });
  });

  it('are refused from a file that others may read', async () => {
    const secrets = new FileSecrets(file);
    await secrets.ensure('db/main');
    await chmod(file, 0o640);
    await expect(secrets.resolve('db/main')).rejects.toThrow(
      `${file} can be read by others (mode 0640); run chmod 600 on it`,
    );
  });

  it('do not show in the error about a file that is no JSON', async () => {
    await new FileSecrets(file).ensure('db/main');
    for (const content of ['hunter2', '{ "a": "hunter2" ', '["hunter2"]', '{ "a": { "b": "hunter2" } }']) {
      await writeFile(file, content);
      const error: unknown = await new FileSecrets(file).resolve('a').catch((failure: unknown) => failure);
      expect(error).toMatchObject({ code: 'SECRET_UNRESOLVED' });
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain('hunter2');
    }
  });

  it('do not show in the object', async () => {
    const secrets = new FileSecrets(file);
    const secret = await secrets.ensure('db/main');
    expect(inspect(secrets, { depth: null, showHidden: true }) + JSON.stringify(secrets)).not.toContain(secret);
  });
});

describe('secrets in the environment', () => {
  const environment = { REEVE_SECRET_DB_MAIN: 'hunter2', DB_MAIN: 'of somebody else', REEVE_SECRET_EMPTY: '' };

  it('are found under the prefix and the name in capitals', async () => {
    expect(await new EnvironmentSecrets({ environment }).resolve('db/main')).toBe('hunter2');
    expect(await new EnvironmentSecrets({ environment, prefix: '' }).resolve('db/main')).toBe('of somebody else');
  });

  it('are not resolved when the variable is missing or empty, and the error names the variable', async () => {
    for (const ref of ['nothing', 'empty']) {
      await expect(new EnvironmentSecrets({ environment }).resolve(ref)).rejects.toMatchObject({
        code: 'SECRET_UNRESOLVED',
        message: `secretRef "${ref}": the environment variable REEVE_SECRET_${ref.toUpperCase()} is not set`,
      });
    }
  });

  it('do not show in the object', () => {
    const secrets = new EnvironmentSecrets({ environment });
    expect(inspect(secrets, { depth: null, showHidden: true }) + JSON.stringify(secrets)).not.toContain('hunter2');
  });
});
