import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { root } from './source-files.ts';

describe('package-lock.json', () => {
  it('names no registry', () => {
    expect(readFileSync(`${root}/package-lock.json`, 'utf8').match(/"resolved": .*/g)).toBeNull();
  });

  it('is complete for every platform, so that npm ci accepts it', async () => {
    const check = promisify(execFile)(process.execPath, ['scripts/complete-lockfile.ts', '--check'], { cwd: root });
    await expect(check).resolves.toMatchObject({ stdout: 'package-lock.json is complete\n' });
  });
});
