import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/index.ts';
import type { BrokerName } from '../support/bundle.ts';
import { startTestRedis } from '../support/test-redis.ts';
import type { Place } from './chaos-app.ts';

const postgresFlags = ['-c', 'fsync=off', '-c', 'max_connections=500'];

/** PostgreSQL and, for that lane, Redis: started by the run on ports of their own, and restarted by its faults. */
export class ChaosServers implements AsyncDisposable {
  readonly place: Place;
  #postgres: EmbeddedPostgres;
  #redis: AsyncDisposableStack | undefined;

  private constructor(place: Place, postgres: EmbeddedPostgres, redis: AsyncDisposableStack | undefined) {
    this.place = place;
    this.#postgres = postgres;
    this.#redis = redis;
  }

  /** @throws Error when redis-server is not installed and the broker is Redis. */
  static async start(broker: BrokerName): Promise<ChaosServers> {
    const dataDir = join(tmpdir(), `reeve-chaos-${process.pid}-${randomBytes(3).toString('hex')}`);
    const postgres = await startEmbeddedPostgres({ dataDir, postgresFlags });
    await using stack = new AsyncDisposableStack();
    const redis = broker === 'redis' ? await startTestRedis(stack) : undefined;
    if (broker === 'redis' && redis === undefined) throw new Error('redis-server is not on the PATH; install it');
    const outsideUrl = new URL(postgres.url);
    outsideUrl.pathname = '/chaos_outside';
    await withClient(postgres.url, (client) => client.query('CREATE DATABASE chaos_outside'));
    const place = { url: postgres.url, outsideUrl: outsideUrl.href, redis };
    return new ChaosServers(place, postgres, redis === undefined ? undefined : stack.move());
  }

  get hasRedis(): boolean {
    return this.#redis !== undefined;
  }

  /** All connections to the engine's database are gone, those of a transaction under way included. */
  async cutConnections(): Promise<void> {
    await withClient(this.place.outsideUrl, (client) =>
      client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()`,
        [new URL(this.place.url).pathname.slice(1)],
      ),
    );
  }

  async restartPostgres(downMs: number): Promise<void> {
    const { port, dataDir } = this.#postgres;
    await this.#postgres.stop();
    await pause(downMs);
    this.#postgres = await startEmbeddedPostgres({ dataDir, port, postgresFlags });
    if (this.#postgres.url !== this.place.url) throw new Error(`PostgreSQL came back as another server on ${port}`);
  }

  /** Everything that the broker knows is gone, what runs in it included. */
  async wipeBroker(): Promise<void> {
    if (this.place.redis === undefined) {
      await withClient(this.place.url, async (client) => {
        await client.query(`SET lock_timeout = '5s'`);
        await client.query('TRUNCATE reeve_broker.job CASCADE');
      });
      return;
    }
    const redis = new Redis(this.place.redis, { maxRetriesPerRequest: 1 });
    redis.on('error', () => undefined);
    try {
      await redis.flushall();
    } finally {
      redis.disconnect();
    }
  }

  /** It keeps nothing on disk, so it comes back empty. */
  async restartRedis(downMs: number): Promise<void> {
    const url = this.place.redis;
    if (this.#redis === undefined || url === undefined) throw new Error('this run has no Redis');
    await this.#redis.disposeAsync();
    await pause(downMs);
    await using stack = new AsyncDisposableStack();
    await startTestRedis(stack, Number(new URL(url).port));
    this.#redis = stack.move();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#redis?.disposeAsync();
    await this.#postgres.stop();
    await rm(this.#postgres.dataDir, { recursive: true, force: true });
  }
}

async function withClient(url: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}
