import { Queue, runMigrations, Worker, type PostgresPoolConfig, type Processor, type WorkerOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { Pool, type PoolConfig } from 'pg';
import { answerTimeoutMs } from '../executions/ledger-pool.ts';
import { atMost } from '../core/at-most.ts';
import { storeError } from '../core/stored-error.ts';
import type { Logger } from '../core/logging.ts';
import { JobWorker } from './job-worker.ts';
import { SteadyClient, steadyPostgresBackend } from './steady-postgres.ts';

export interface BrokerOptions {
  /** Absent: BullMQ keeps its jobs in PostgreSQL. */
  readonly redisUrl: string | undefined;
  readonly postgres: PoolConfig;
  /** The schema of BullMQ's own tables, where PostgreSQL is the broker. */
  readonly brokerSchema: string;
  /** Keeps the jobs of several engines on one Redis apart. */
  readonly engineId: string;
  /** How long a worker may hold a job without a sign of life. */
  readonly leaseMs: number;
  readonly logger: Logger;
}

/** The part of a BullMQ queue that Reeve uses; delays, flows, schedulers and deduplication are the ledger's work. */
interface JobQueue {
  add(name: string, data: unknown, opts: NewJob['opts']): Promise<unknown>;
  addBulk(jobs: NewJob[]): Promise<unknown>;
  getJob(id: string): Promise<{ isActive(): Promise<boolean> } | null | undefined>;
  getJobCounts(): Promise<Record<string, number>>;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

export interface NewJob {
  readonly name: string;
  readonly data: unknown;
  readonly opts: { readonly jobId: string; readonly priority?: number };
}

const commandTimeoutMs = 5_000;
/** How long dead connections may hold up the end of a process. */
const closeTimeoutMs = 5_000;
/** No command blocks for so long: when nothing has come by then, the connection is dead, and nobody has said so. */
const socketTimeoutMs = 15_000;
const queuePoolSize = 2;
const workerPoolSize = 4;

/**
 * The door to Redis, or to BullMQ's tables in PostgreSQL: one code path for both.
 *
 * Errors of a connection are logged, once per outage and connection, and otherwise left to the callers of single
 * operations: the broker may go away and come back at any time, and nothing is lost by it.
 */
export class Broker {
  readonly kind: 'redis' | 'postgres';
  readonly #options: BrokerOptions;
  readonly #queues = new Map<string, JobQueue>();
  readonly #redis: Redis[] = [];
  #queueClient: Redis | undefined;
  #workerClient: Redis | undefined;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.kind = options.redisUrl === undefined ? 'postgres' : 'redis';
  }

  /** Adds jobs; one whose id the queue holds already is left as it is. */
  async addJobs(queue: string, jobs: readonly NewJob[]): Promise<void> {
    const ready = await this.#ready(queue);
    const [job] = jobs;
    // On PostgreSQL BullMQ makes two temporary tables for each bulk, which costs ten times what one job does.
    if (jobs.length === 1 && job !== undefined) await ready.add(job.name, job.data, job.opts);
    else await ready.addBulk([...jobs]);
  }

  async hasJob(queue: string, id: string): Promise<boolean> {
    return (await this.jobPlace(queue, id)) !== 'missing';
  }

  /** Where a job is; `taken` by a worker that may be dead: BullMQ notices that only after a minute or more. */
  async jobPlace(queue: string, id: string): Promise<'missing' | 'waiting' | 'taken'> {
    const job = await (await this.#ready(queue)).getJob(id);
    if (job === undefined || job === null) return 'missing';
    return (await job.isActive()) ? 'taken' : 'waiting';
  }

  /** How many jobs a queue holds, by state. */
  async jobCounts(queue: string): Promise<Record<string, number>> {
    return (await this.#ready(queue)).getJobCounts();
  }

  /** A consumer of one queue. What its processor throws fails the job, which is gone then; the ledger sends it anew. */
  worker(name: string, processor: Processor, options: { concurrency: number }): JobWorker {
    return new JobWorker(() => this.#makeWorker(name, processor, options.concurrency), this.#options.logger);
  }

  async close(): Promise<void> {
    await atMost(Promise.allSettled([...this.#queues.values()].map((queue) => queue.close())), closeTimeoutMs);
    this.#queues.clear();
    for (const client of this.#redis) client.disconnect();
    this.#redis.length = 0;
  }

  /** The queue, connected. One that could not connect is made anew next time: BullMQ remembers the failure for ever. */
  async #ready(name: string): Promise<JobQueue> {
    const queue = this.#queues.get(name) ?? this.#makeQueue(name);
    this.#queues.set(name, queue);
    try {
      await queue.waitUntilReady();
      return queue;
    } catch (error) {
      if (this.#queues.get(name) === queue) this.#queues.delete(name);
      await queue.close().catch(() => undefined);
      throw error;
    }
  }

  #makeWorker(name: string, processor: Processor, concurrency: number): Worker {
    const settings: Omit<WorkerOptions, 'connection'> = {
      concurrency,
      autorun: false,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      // A job that a worker took and died with before it could claim the step comes back after a lease.
      lockDuration: this.#options.leaseMs,
      stalledInterval: Math.max(500, this.#options.leaseMs / 6),
      maxStalledCount: 100,
      drainDelay: 2,
      runRetryDelay: 1_000,
    };
    const worker =
      this.#options.redisUrl === undefined
        ? new Worker(
            name,
            processor,
            { ...settings, connection: this.#postgres(workerPoolSize) },
            steadyPostgresBackend,
          )
        : new Worker(name, processor, { ...settings, prefix: this.#prefix(), connection: this.#workerConnection() });
    worker.on('error', (error: Error) => this.#connectionFailed(name, error));
    return worker as unknown as Worker;
  }

  #makeQueue(name: string): JobQueue {
    const defaultJobOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true };
    if (this.#options.redisUrl === undefined) {
      const connection = this.#postgres(queuePoolSize);
      const queue = new Queue(name, { connection, defaultJobOptions }, steadyPostgresBackend);
      queue.on('error', (error: Error) => this.#connectionFailed(name, error));
      return queue;
    }
    this.#queueClient ??= this.#connect(1);
    const queue = new Queue(name, { connection: this.#queueClient, prefix: this.#prefix(), defaultJobOptions });
    queue.on('error', (error: Error) => this.#connectionFailed(name, error));
    return queue;
  }

  #postgres(max: number): PostgresPoolConfig {
    const { postgres, brokerSchema } = this.#options;
    const own = { application_name: 'reeve broker', schema: brokerSchema, max, Client: SteadyClient };
    return { query_timeout: answerTimeoutMs, ...postgres, ...own } as PostgresPoolConfig;
  }

  /** Braces make one hash slot of all keys, as Redis Cluster needs it. */
  #prefix(): string {
    return `{reeve_${this.#options.engineId.replaceAll('-', '').slice(0, 12)}}`;
  }

  /** Shared by all workers of the process; BullMQ duplicates it for the one command of each that blocks. */
  #workerConnection(): Redis {
    this.#workerClient ??= this.#connect(null);
    return this.#workerClient;
  }

  #connect(maxRetriesPerRequest: number | null): Redis {
    const client = new Redis(this.#options.redisUrl ?? '', {
      maxRetriesPerRequest,
      retryStrategy: (times) => Math.min(50 * times, 1_000),
      socketTimeout: socketTimeoutMs,
      ...(maxRetriesPerRequest === null ? {} : { commandTimeout: commandTimeoutMs }),
    });
    client.on('error', (error: Error) => this.#connectionFailed('redis', error));
    this.#redis.push(client);
    return client;
  }

  #connectionFailed(queue: string, error: Error): void {
    this.#options.logger.debug(
      { event: 'broker.connection', queue, err: storeError(error, 'BROKER_UNAVAILABLE') },
      error.message,
    );
  }
}

/** Brings BullMQ's own tables up to date, where PostgreSQL is the broker. Safe to run at any time, by many at once. */
export async function migrateBroker(postgres: PoolConfig, brokerSchema: string): Promise<void> {
  const pool = new Pool({ ...postgres, max: 1, Client: SteadyClient });
  pool.on('error', () => undefined);
  try {
    const client = await pool.connect();
    try {
      await runMigrations(client, brokerSchema);
    } finally {
      client.release();
    }
  } finally {
    await pool.end();
  }
}
