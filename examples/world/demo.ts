/** `npm run demo:world`: a database, a world, a worker, a beat and a prompt in one terminal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { startEmbeddedPostgres } from '../../src/index.ts';

const here = import.meta.dirname;
const dataDir = await mkdtemp(path.join(tmpdir(), 'reeve-world-'));
const server = await startEmbeddedPostgres({ dataDir, persistent: false });
try {
  process.env['DATABASE_URL'] = server.url;
  const { default: reeve } = await import('./reeve.config.ts');
  const { furnish } = await import('./furnish.ts');
  await reeve.migrate();
  const worker = await reeve.startWorker({ queues: ['verbs'] });
  await furnish(reeve);
  await worker.stop();
  await reeve.close();
  await reeve.options.dataSource.destroy();
  process.stdout.write('A world with a parrot, a clock and a museum. Try: look, say hello, squawk parrot, ;1+1\n');
  const program = path.join(here, '../../bin/reeve.js');
  const args = [program, '-A', path.join(here, 'reeve.config.ts'), 'moo', 'console', '--as', 'Wizard'];
  const prompt = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], { stdio: 'inherit' });
  // Ctrl+C is for the prompt; this process waits for it and stops the database.
  process.on('SIGINT', () => undefined);
  const [code] = (await once(prompt, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
} finally {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}
