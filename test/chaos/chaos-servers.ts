import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/index.ts';
import type { BrokerName } from '../support/bundle.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { answerMs, type Place } from './chaos-app.ts';
import { ChaosRedis } from './chaos-redis.ts';

const postgresFlags = ['-c', 'fsync=off', '-c', 'max_connections=500'];

/** How one process reaches the servers: by ways of its own, which can be made bad for it alone. */
export interface Ways extends AsyncDisposable {
  readonly place: Place;
  readonly proxies: readonly TcpProxy[];
}

/** PostgreSQL and, for that lane, Redis: started by the run on ports of their own, and restarted by its faults. */
export class ChaosServers implements AsyncDisposable {
  /** Straight to the servers. */
  readonly place: Place;
  readonly redis: ChaosRedis | undefined;
  #postgres: EmbeddedPostgres;

  private constructor(place: Place, postgres: EmbeddedPostgres, redis: ChaosRedis | undefined) {
    this.place = place;
    this.#postgres = postgres;
    this.redis = redis;
  }

  /** @throws Error when redis-server is not installed and the broker is Redis. */
  static async start(broker: BrokerName): Promise<ChaosServers> {
    await using stack = new AsyncDisposableStack();
    const redis = broker === 'redis' ? stack.use(await ChaosRedis.start()) : undefined;
    const dataDir = join(tmpdir(), `reeve-chaos-${process.pid}-${randomBytes(3).toString('hex')}`);
    const postgres = await startEmbeddedPostgres({ dataDir, postgresFlags });
    process.once('exit', () => rmSync(postgres.dataDir, { recursive: true, force: true }));
    const outsideUrl = new URL(postgres.url);
    outsideUrl.pathname = '/chaos_outside';
    await withClient(postgres.url, (client) => client.query('CREATE DATABASE chaos_outside'));
    const redisUrl = redis === undefined ? undefined : `redis://127.0.0.1:${redis.port}`;
    stack.move();
    return new ChaosServers({ url: postgres.url, outsideUrl: outsideUrl.href, redis: redisUrl }, postgres, redis);
  }

  /** The outside world is reached straight: what a process that is cut off still does there is seen. */
  async ways(): Promise<Ways> {
    const postgres = await TcpProxy.to(this.#postgres.port);
    const redis = this.redis === undefined ? undefined : await TcpProxy.to(this.redis.port);
    const url = new URL(this.place.url);
    url.port = String(postgres.port);
    // A connection that never answers again is given up.
    const redisUrl = redis === undefined ? undefined : `redis://127.0.0.1:${redis.port}?socketTimeout=${answerMs}`;
    return {
      place: { ...this.place, url: url.href, redis: redisUrl },
      proxies: redis === undefined ? [postgres] : [postgres, redis],
      async [Symbol.asyncDispose]() {
        await postgres[Symbol.asyncDispose]();
        await redis?.[Symbol.asyncDispose]();
      },
    };
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
    if (this.redis !== undefined) return this.redis.wipe();
    await withClient(this.place.url, async (client) => {
      await client.query(`SET lock_timeout = '5s'`);
      await client.query('TRUNCATE reeve_broker.job CASCADE');
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.redis?.[Symbol.asyncDispose]();
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
