/**
 * What a child of Node's permission model tries: `node --permission --allow-addons … permission-probe.ts JSON`. Answers each
 * with `done`, or with how it was refused.
 */
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import process from 'node:process';

interface Tried {
  readonly tcp: { readonly host: string; readonly port: number };
  readonly socket: string;
  readonly pid: number;
  readonly addon: string;
  readonly file: string;
}

const require = createRequire(import.meta.url);
const tried = JSON.parse(process.argv[2] ?? '{}') as Tried;

async function reach(to: { host: string; port: number } | { path: string }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(to, resolve).on('error', reject);
  await promise;
  socket.destroy();
}

const attempts: Record<string, () => unknown> = {
  tcp: () => reach(tried.tcp),
  socket: () => reach({ path: tried.socket }),
  kill: () => process.kill(tried.pid, 'SIGTERM'),
  dlopen: () => process.dlopen({ exports: {} }, tried.addon),
  sqlite() {
    const { DatabaseSync } = require('node:sqlite') as typeof import('node:sqlite');
    new DatabaseSync(':memory:').exec(`ATTACH '${tried.file}' AS f; CREATE TABLE f.t (x)`);
  },
};

const answers: Record<string, string> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    answers[name] = 'done';
  } catch (error) {
    answers[name] = `refused: ${String(error)}`;
  }
}
process.stdout.write(JSON.stringify(answers));
