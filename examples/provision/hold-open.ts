import { once } from 'node:events';
import path from 'node:path';
import { openKept } from './workplace.ts';

/** Runs the server of a kept folder until Ctrl+C. The superuser's password stays in its file. */
export async function holdOpen(folder: string, signal: AbortSignal): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const { url, dataDir } = await openKept(stack, folder, (text) => process.stderr.write(`${text}\n`));
  const { port, username, pathname } = new URL(url);
  const passwordFile = path.join(dataDir, 'password');
  process.stdout.write(`The server of ${folder} is up on port ${port}; Ctrl+C stops it.
  PGPASSWORD=$(cat ${passwordFile}) psql -h 127.0.0.1 -p ${port} -U ${username} ${pathname.slice(1)}
  the passwords of the owner roles are in ${path.join(folder, 'secrets.json')}
`);
  // A signal listener alone does not keep a process alive.
  const alive = setInterval(() => undefined, 60_000);
  if (!signal.aborted) await once(signal, 'abort');
  clearInterval(alive);
  return 0;
}
