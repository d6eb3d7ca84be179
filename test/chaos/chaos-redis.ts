import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startTestRedis } from '../support/test-redis.ts';

const smallDiskMb = 64;

/** A Redis that writes an append-only file, where possible to a small disk of its own that can be filled. */
export class ChaosRedis implements AsyncDisposable {
  readonly port: number;
  /** Why its disk cannot be filled here; undefined where it can. */
  readonly noSmallDisk: string | undefined;
  readonly #directory: string;
  readonly #stack: AsyncDisposableStack;
  #server: AsyncDisposableStack;

  private constructor(
    place: { readonly port: number; readonly directory: string; readonly noSmallDisk: string | undefined },
    stack: AsyncDisposableStack,
    server: AsyncDisposableStack,
  ) {
    this.port = place.port;
    this.noSmallDisk = place.noSmallDisk;
    this.#directory = place.directory;
    this.#stack = stack;
    this.#server = server;
  }

  /** @throws Error when redis-server is not installed. */
  static async start(): Promise<ChaosRedis> {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'reeve-chaos-redis-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const disk = await smallDisk(folder);
    if (typeof disk === 'object') stack.defer(disk.end);
    const directory = typeof disk === 'object' ? disk.directory : folder;
    await using server = new AsyncDisposableStack();
    const url = await startTestRedis(server, { directory, appendOnly: true, endsBy: 'SIGKILL' });
    if (url === undefined) throw new Error('redis-server is not on the PATH; install it');
    const noSmallDisk = typeof disk === 'object' ? undefined : disk;
    return new ChaosRedis({ port: Number(new URL(url).port), directory, noSmallDisk }, stack.move(), server.move());
  }

  async wipe(): Promise<void> {
    const redis = new Redis(this.port, { maxRetriesPerRequest: 1 });
    redis.on('error', () => undefined);
    try {
      await redis.flushall();
    } finally {
      redis.disconnect();
    }
  }

  async restartEmpty(downMs: number): Promise<void> {
    await this.#restart(downMs, () => rm(join(this.#directory, 'appendonlydir'), { recursive: true, force: true }));
  }

  /** As after a crash of the machine: the end of what it has written is not there, and it comes back with the rest. */
  async restartTruncated(downMs: number, keptShare: number): Promise<void> {
    await this.#restart(downMs, async () => {
      const folder = join(this.#directory, 'appendonlydir');
      for (const name of await readdir(folder)) {
        if (!name.endsWith('.incr.aof')) continue;
        const { size } = await stat(join(folder, name));
        await truncate(join(folder, name), Math.floor(size * keptShare));
      }
    });
  }

  /** Fills the disk to its last byte; writes are refused until it is emptied again. */
  async fillDisk(fullMs: number): Promise<void> {
    const ballast = join(this.#directory, 'ballast');
    const zeros = Buffer.alloc(65_536);
    try {
      await pipeline(
        Readable.from(
          (function* endless() {
            for (let written = 0; written < smallDiskMb * 2 ** 20; written += zeros.length) yield zeros;
          })(),
        ),
        createWriteStream(ballast),
      ).catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'ENOSPC') throw error;
      });
      await pause(fullMs);
    } finally {
      await rm(ballast, { force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.disposeAsync();
    await this.#stack.disposeAsync();
  }

  async #restart(downMs: number, meanwhile: () => Promise<void>): Promise<void> {
    await this.#server.disposeAsync();
    await meanwhile();
    await pause(downMs);
    await using server = new AsyncDisposableStack();
    await startTestRedis(server, {
      port: this.port,
      directory: this.#directory,
      appendOnly: true,
      endsBy: 'SIGKILL',
    });
    this.#server = server.move();
  }
}

interface SmallDisk {
  readonly directory: string;
  readonly end: () => Promise<void>;
}

/**
 * A file system in memory, mounted in the mount namespace of a process that ends with this one, so that nothing stays
 * behind however the run ends. The text says why there is none.
 */
async function smallDisk(folder: string): Promise<SmallDisk | string> {
  const script = `mount -t tmpfs -o size=${smallDiskMb}m reeve-chaos "$1" && echo mounted && exec cat`;
  const holder = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', folder], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  holder.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const mounted = await Promise.race([
    once(holder.stdout, 'data').then(() => true),
    once(holder, 'exit').then(() => false),
    once(holder, 'error').then(([error]) => {
      said += String(error);
      return false;
    }),
  ]);
  if (!mounted) return said.trim() || 'the mount was refused';
  return { directory: `/proc/${holder.pid}/root${folder}`, end: () => ended(holder) };
}

async function ended(holder: ChildProcess): Promise<void> {
  const gone = once(holder, 'exit');
  holder.stdin?.end();
  await gone;
}
