import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { createLogger, defineTask } from '../../src/index.ts';
import { LedgerPool, CommitUnknown } from '../../src/executions/ledger-pool.ts';
import { isConnectionError } from '../../src/executions/sql-state.ts';
import { WorldCommitUnknown, WorldPool } from '../../src/moo/world-pool.ts';
import { newId } from '../../src/core/ids.ts';
import { Broker } from '../../src/queues/broker.ts';
import { describeOnBrokers, makeBundle, redisUrlOf } from '../support/bundle.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

/** The same address through a proxy. */
async function through(address: string, options = ''): Promise<{ proxy: TcpProxy; url: string }> {
  const url = new URL(address);
  const proxy = await TcpProxy.to(Number(url.port));
  url.port = String(proxy.port);
  return { proxy, url: `${url.href}${options}` };
}

describeOnBrokers('connections that are dead without anybody saying so', (broker) => {
  it('are given up, and the worker goes on with new ones', async () => {
    const quick = defineTask({ name: 'quick', run: () => 'done' });
    await using bundle = await makeBundle(broker, { tasks: [quick] });
    await using stack = new AsyncDisposableStack();
    const postgres = await through(bundle.url);
    const redisUrl = redisUrlOf(broker);
    const redis = redisUrl === undefined ? undefined : await through(redisUrl, '?socketTimeout=2000');
    const dataSource = new DataSource({
      type: 'postgres',
      url: postgres.url,
      installExtensions: false,
      extra: { query_timeout: 2_000, maxLifetimeSeconds: 5, connectionTimeoutMillis: 5_000 },
    });
    const behind = bundle.another({ dataSource, redis: redis?.url });
    stack.defer(() => behind.close());
    // First, so that nobody takes leave of a server that does not hear it.
    stack.use(postgres.proxy);
    if (redis !== undefined) stack.use(redis.proxy);
    await behind.startWorker();
    const before = await bundle.reeve.execute(quick);
    expect(await bundle.reeve.result(before.executionId, { timeout: '20s' })).toMatchObject({ state: 'succeeded' });
    for (const proxy of [postgres.proxy, ...(redis === undefined ? [] : [redis.proxy])]) {
      proxy.silence();
      proxy.speak('stay dead');
    }
    const after = await bundle.reeve.execute(quick);
    expect(await bundle.reeve.result(after.executionId, { timeout: '60s' })).toMatchObject({ state: 'succeeded' });
  });
});

describe('connections that are dead when their process ends', () => {
  it('hold it up for a few seconds, and not until somebody confirms their end', async () => {
    await using bundle = await makeBundle('postgres');
    await bundle.reeve.ready();
    const { proxy, url } = await through(bundle.url);
    await using stack = new AsyncDisposableStack();
    stack.use(proxy);
    const logger = createLogger('silent');
    const pool = new LedgerPool({ connectionString: url, max: 1 }, 'reeve', logger);
    await pool.query('SELECT 1');
    const broker = new Broker({
      redisUrl: undefined,
      postgres: { connectionString: url },
      brokerSchema: 'reeve_broker',
      engineId: newId(),
      leaseMs: 30_000,
      logger,
    });
    await broker.jobCounts('tasks');
    proxy.silence();
    const began = performance.now();
    await Promise.all([pool.close(), broker.close()]);
    expect(performance.now() - began).toBeLessThan(20_000);
  });
});

describe('an answer of PostgreSQL that never comes', () => {
  it('is a lost connection, and during COMMIT an unknown end', async () => {
    await using bundle = await makeBundle('postgres');
    const { proxy, url } = await through(bundle.url);
    await using stack = new AsyncDisposableStack();
    const config = { connectionString: url, max: 1, query_timeout: 300 };
    const pool = new LedgerPool(config, 'reeve', createLogger('silent'));
    stack.defer(() => pool.close());
    stack.use(proxy);
    await pool.query('SELECT 1');
    proxy.silence();
    const error = await pool.query('SELECT 1').catch((thrown: unknown) => thrown);
    expect(isConnectionError(error)).toBe(true);
    proxy.speak('stay dead');
    await pool.query('SELECT 1');
    const commit = pool.transaction(async (connection) => {
      await connection.query('SELECT 1');
      proxy.silence();
    });
    await expect(commit).rejects.toBeInstanceOf(CommitUnknown);
    proxy.speak('stay dead');
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

describe('a connection of the world that is dead without anybody saying so', () => {
  const options = { schema: 'reeve', size: 1, taskMs: 3_000, logger: createLogger('silent') };

  it('is given up by a task that waits for its answer, by itself, and the next task gets another one', async () => {
    await using bundle = await makeBundle('postgres');
    const { proxy, url } = await through(bundle.url);
    await using stack = new AsyncDisposableStack();
    const pool = new WorldPool({ connectionString: url }, options);
    stack.defer(() => pool.close());
    stack.use(proxy);
    const transaction = await pool.begin();
    proxy.silence();
    const began = performance.now();
    const error = await transaction.connection.query('SELECT 1').catch((thrown: unknown) => thrown);
    expect(isConnectionError(error)).toBe(true);
    await transaction.end();
    // Once for the statement, and not once more for its ROLLBACK.
    expect(performance.now() - began).toBeLessThan(13_000);
    proxy.speak('stay dead');
    const next = await pool.begin();
    expect((await next.connection.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await next.commit();
    await next.end();
  });

  it('takes nothing from a task that is over: it would be committed by itself, or in the transaction of another', async () => {
    await using bundle = await makeBundle('postgres');
    await bundle.query('CREATE TABLE told (what text)');
    await using stack = new AsyncDisposableStack();
    const pool = new WorldPool({ connectionString: bundle.url }, { ...options, size: 1 });
    stack.defer(() => pool.close());
    const tell = `INSERT INTO told VALUES ($1)`;
    const killed = await pool.begin();
    // A host call of two statements, whose sandbox is killed after the first one.
    const host = killed.connection
      .query(tell, ['first'])
      .then(() => killed.connection.query(tell, ['second']))
      .catch((error: unknown) => error);
    const ended = killed.end();
    const next = pool.begin();
    expect(await host).toMatchObject({ message: 'the transaction of this task is over' });
    await ended;
    const stranger = await next;
    await expect(killed.connection.query(tell, ['third'])).rejects.toThrow('is over');
    await stranger.connection.query(tell, ['of the stranger']);
    await stranger.commit();
    await stranger.end();
    expect(await bundle.query('SELECT what FROM told')).toEqual([{ what: 'of the stranger' }]);
  });

  it('is listened to in the moment in which it is lent: its loss would end the process', async () => {
    await using bundle = await makeBundle('postgres');
    await using stack = new AsyncDisposableStack();
    const listeners: number[] = [];
    const { connect } = pg.Pool.prototype;
    stack.defer(() => {
      pg.Pool.prototype.connect = connect;
    });
    pg.Pool.prototype.connect = async function lend(this: pg.Pool) {
      const client = await (connect as unknown as () => Promise<pg.PoolClient>).call(this);
      listeners.push(client.listenerCount('error'));
      return client;
    };
    const pool = new WorldPool({ connectionString: bundle.url }, options);
    stack.defer(() => pool.close());
    for (let time = 0; time < 2; time += 1) {
      const transaction = await pool.begin();
      await transaction.commit();
      await transaction.end();
    }
    expect(listeners).toEqual([1, 1]);
  });

  it('leaves a COMMIT without an answer as an unknown end', async () => {
    await using bundle = await makeBundle('postgres');
    const { proxy, url } = await through(bundle.url);
    await using stack = new AsyncDisposableStack();
    const pool = new WorldPool({ connectionString: url, query_timeout: 300 }, options);
    stack.defer(() => pool.close());
    stack.use(proxy);
    const transaction = await pool.begin();
    await transaction.connection.query('SELECT 1');
    proxy.silence();
    await expect(transaction.commit()).rejects.toBeInstanceOf(WorldCommitUnknown);
    await transaction.end();
    proxy.speak('stay dead');
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});
