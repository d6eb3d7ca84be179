import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';

describe('the servers of the tests', () => {
  it('include a PostgreSQL', async () => {
    const client = new pg.Client({ connectionString: process.env['REEVE_TEST_PG_URL'] });
    await client.connect();
    const { rows } = await client.query<{ one: number }>('select 1 as one');
    await client.end();
    expect(rows).toEqual([{ one: 1 }]);
  });

  const redisUrl = process.env['REEVE_TEST_REDIS_URL'];
  (redisUrl === undefined ? it.skip : it)('include a Redis, unless its lane is skipped', async () => {
    const redis = new Redis(redisUrl ?? '', { maxRetriesPerRequest: 1 });
    await expect(redis.ping()).resolves.toBe('PONG');
    await redis.quit();
  });
});
