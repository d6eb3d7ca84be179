import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { freePort } from '../src/embedded/free-port.ts';
import { startEmbeddedPostgres } from '../src/index.ts';
import type { Servers } from './contestant.ts';

export interface BenchServers extends Servers, AsyncDisposable {
  /** Without `redis-server` on the PATH: undefined, and everything on Redis is left out. */
  readonly redisUrl: string;
  readonly hasRedis: boolean;
  /** Statements of an administrator in one of the databases. */
  admin<Row extends object>(url: string, text: string): Promise<Row[]>;
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * A PostgreSQL with durable commits (fsync and synchronous_commit are on), and a Redis of the run's own that keeps nothing
 * on disk, in folders that end with the run.
 */
export async function startServers(): Promise<BenchServers> {
  const folder = await mkdtemp(join(tmpdir(), 'reeve-bench-'));
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data') });
  const redis = await startRedis(folder);
  let databases = 0;
  const admin = async <Row extends object>(url: string, text: string): Promise<Row[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const settings = await admin<{ name: string; setting: string }>(
    postgres.url,
    `SELECT name, setting FROM pg_settings
     WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size')`,
  );
  return {
    redisUrl: redis?.url ?? '',
    hasRedis: redis !== undefined,
    admin,
    versions: {
      ...Object.fromEntries(settings.map(({ name, setting }) => [`postgres ${name}`, setting])),
      ...(redis === undefined ? {} : { redis: redis.version }),
    },
    async database() {
      databases += 1;
      const name = `bench_${databases}`;
      await admin(postgres.url, `CREATE DATABASE ${name}`);
      const url = new URL(postgres.url);
      url.pathname = `/${name}`;
      return url.href;
    },
    async [Symbol.asyncDispose]() {
      await redis?.stop();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startRedis(folder: string) {
  const port = await freePort(0, () => undefined);
  const args = ['--port', String(port), '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const started = await Promise.race([ready(child.stdout), once(child, 'error').then(() => undefined)]);
  if (started === undefined) return undefined;
  return {
    url: `redis://127.0.0.1:${port}`,
    version: started,
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function ready(output: NodeJS.ReadableStream): Promise<string> {
  let version = 'unknown';
  for await (const line of createInterface({ input: output })) {
    version = /version=(?<number>[\d.]+)/.exec(line)?.groups?.['number'] ?? version;
    if (/ready to accept connections/i.test(line)) break;
  }
  output.resume();
  return version;
}
