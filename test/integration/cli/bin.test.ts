import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { makeFixtureDatabase } from './fixture-database.ts';
import { hold } from './fixture-app/app.ts';
import { binFile, ReeveProcess, runReeve } from './reeve-process.ts';

/** A package that needs a Node of the future, and perhaps has one: a script that tells how it was called. */
async function makePackage(
  nodeVersion: string | undefined,
  action = 'echo "ran $2 $3"; exit 7',
): Promise<AsyncDisposable & { bin: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'reeve-cli-bin-'));
  await mkdir(join(folder, 'bin'));
  await cp(binFile, join(folder, 'bin/reeve.js'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module", "engines": { "node": ">=99.2" } }');
  if (nodeVersion !== undefined) {
    const node = join(folder, 'node_modules/node');
    await mkdir(join(node, 'bin'), { recursive: true });
    await writeFile(join(node, 'package.json'), '{ "name": "node", "version": "99.2.0" }');
    const script = `#!/bin/sh\nif [ "$1" = --version ]; then echo v${nodeVersion}; exit; fi\n${action}\n`;
    await writeFile(join(node, 'bin/node'), script);
    await chmod(join(node, 'bin/node'), 0o755);
  }
  return { bin: join(folder, 'bin/reeve.js'), [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

describe('bin/reeve.js on a Node that is too old', () => {
  it('runs itself with the Node of the node package, with the same arguments and exit code', async () => {
    await using installed = await makePackage('99.2.0');
    const run = await runReeve(['status', '--json'], { bin: installed.bin });
    expect(run).toMatchObject({ exitCode: 7, stdout: 'ran status --json\n' });
  });

  it.each([undefined, '99.1.0'])('says which version is needed when that Node is %s', async (version) => {
    await using installed = await makePackage(version);
    const run = await runReeve(['status'], { bin: installed.bin, cwd: tmpdir() });
    expect(run).toMatchObject({ exitCode: 1, stdout: '' });
    expect(run.stderr).toMatch(/^error: reeve needs Node 99\.2 or newer; this is Node \d/);
    expect(run.stderr).toMatch(/\nnext: .*npm install/);
  });

  it('counts a signal that reaches both processes once, and stops the command when it is killed itself', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    await using installed = await makePackage('99.2.0', `shift; exec "${process.execPath}" "${binFile}" "$@"`);
    const options = { bin: installed.bin, environment: fixture.environment };
    const start = async (): Promise<{ launcher: ReeveProcess; pid: number; executionId: string }> => {
      const launcher = new ReeveProcess(['worker', '-Q', 'tasks'], options);
      const { executionId } = await fixture.reeve.execute(hold);
      return { launcher, pid: await fixture.held(executionId), executionId };
    };

    const first = await start();
    await using signalled = first.launcher;
    expect(first.pid).not.toBe(signalled.pid);
    process.kill(first.pid, 'SIGTERM');
    signalled.kill('SIGTERM');
    await signalled.says(/waiting up to/);
    await fixture.release(first.executionId);
    expect(await signalled.end()).toMatchObject({ exitCode: 0 });

    const second = await start();
    await using killed = second.launcher;
    killed.kill('SIGKILL');
    await killed.says(/waiting up to/);
    await fixture.release(second.executionId);
    // The output is closed by the last process that has it, so this is the end of both.
    await killed.end();
    expect(await fixture.reeve.result(second.executionId, { timeout: '60s' })).toMatchObject({ state: 'succeeded' });
  });
});
