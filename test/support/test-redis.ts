import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export interface TestRedisOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Where it keeps what it writes; default: a folder of its own that goes with it. */
  readonly directory?: string;
  /** Default: it keeps nothing. */
  readonly appendOnly?: boolean;
  /** How it is ended: `SIGKILL` leaves its files as a crash does. */
  readonly endsBy?: 'SIGTERM' | 'SIGKILL';
}

/** The address of a Redis of our own on a loopback port, or undefined when redis-server is not installed. */
export async function startTestRedis(
  stack: AsyncDisposableStack,
  { port: wantedPort, directory: wantedDirectory, appendOnly = false, endsBy = 'SIGTERM' }: TestRedisOptions = {},
): Promise<string | undefined> {
  const program = findOnPath('redis-server');
  if (program === undefined) return undefined;
  const directory = wantedDirectory ?? (await mkdtemp(join(tmpdir(), 'reeve-test-redis-')));
  if (wantedDirectory === undefined) stack.defer(() => rm(directory, { recursive: true, force: true }));
  const port = wantedPort ?? (await freePort());
  const kept = ['--save', '', '--appendonly', appendOnly ? 'yes' : 'no', '--dir', directory];
  const child = spawn(program, ['--port', String(port), '--bind', '127.0.0.1', ...kept], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  const killWithUs = (): boolean => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  stack.defer(async () => {
    process.off('exit', killWithUs);
    await stopChild(child, endsBy);
  });
  await answering(port, child, output);
  return `redis://127.0.0.1:${port}`;
}

function findOnPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the probe for a free port has no address');
  return address.port;
}

async function answering(port: number, child: ChildProcess, output: readonly string[]): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await isPong(port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`redis-server did not start on port ${port}:\n${output.join('')}`);
    }
    await pause(25);
  }
}

function isPong(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
  socket.setTimeout(1_000, () => socket.destroy());
  socket.on('error', () => resolve(false));
  socket.on('close', () => resolve(false));
  socket.on('data', (data) => {
    resolve(data.toString().startsWith('+PONG'));
    socket.destroy();
  });
  return promise;
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}
