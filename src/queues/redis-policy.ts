import { Redis } from 'ioredis';

/**
 * What Redis does when its memory is full. Anything but `noeviction` throws jobs away, which the ledger then has to send
 * again. Undefined where the server does not tell, as some hosted ones.
 */
export async function redisEvictionPolicy(url: string): Promise<string | undefined> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    const answer = await redis.config('GET', 'maxmemory-policy').catch(() => undefined);
    return Array.isArray(answer) ? (answer[1] as string | undefined) : undefined;
  } finally {
    redis.disconnect();
  }
}
