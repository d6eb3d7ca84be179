#!/usr/bin/env node
/**
 * The command `reeve`. This file runs on old versions of Node too, so that they get a clear answer: where the `node`
 * package is installed its Node is used instead, otherwise the version that is needed is named.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const needed = engines.node.replace('>=', '');

if (isNewEnough(process.versions.node)) {
  const built = join(root, 'dist', 'cli', 'main.js');
  const entry = existsSync(built) ? built : join(root, 'src', 'cli', 'main.ts');
  await import(pathToFileURL(entry).href);
} else {
  const found = installedNode();
  if (found === undefined) {
    const present = `this is Node ${process.versions.node} (${process.execPath})`;
    process.stderr.write(
      `error: reeve needs Node ${needed} or newer; ${present}\n` +
        'next: Install a newer Node, or add it to the project: npm install --save-dev node@24\n',
    );
    process.exitCode = 1;
  } else {
    runWith(found);
  }
}

/** @param {string} version */
function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = needed.split('.').map(Number);
  return major > neededMajor || (major === neededMajor && minor >= neededMinor);
}

/** The Node of the `node` package: of the project in the current folder, else of the one that has reeve. */
function installedNode() {
  for (const folder of [process.cwd(), root]) {
    let program;
    try {
      const manifest = createRequire(join(folder, 'package.json')).resolve('node/package.json');
      program = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    } catch {
      continue;
    }
    const version = spawnSync(program, ['--version'], { encoding: 'utf8' });
    if (version.status === 0 && isNewEnough(version.stdout.trim().replace('v', ''))) return program;
  }
  return undefined;
}

/**
 * Runs this file again with another Node. Signals are passed on as messages, since a Ctrl+C in a terminal, or systemd,
 * reaches both processes by itself: so the other one can tell one signal that came twice from two. Should this process
 * be killed, the other sees the channel close and stops.
 *
 * @param {string} program
 */
function runWith(program) {
  const child = spawn(program, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, REEVE_RELAUNCHED: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      if (child.connected) child.send(signal, () => undefined);
    });
  }
  child.on('error', (error) => {
    process.stderr.write(`error: ${program} cannot be run: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
  });
}
