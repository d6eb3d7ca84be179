import { Redis } from 'ioredis';
import { redisUrlOf, type BrokerName, type Bundle } from './bundle.ts';

/** The ids of the jobs for steps that the broker of a bundle holds, in whatever state. */
export async function jobsOf(bundle: Bundle, broker: BrokerName): Promise<string[]> {
  if (broker === 'postgres') {
    const rows = await bundle.query<{ id: string }>(`SELECT id FROM reeve_broker.job WHERE id LIKE 's\\_%'`);
    return rows.map((row) => row.id);
  }
  const redis = new Redis(redisUrlOf('redis') ?? '');
  try {
    const keys = await redis.keys(`${await redisPrefix(bundle)}:*`);
    return keys.map((key) => key.split(':').at(-1) ?? '').filter((id) => id.startsWith('s_'));
  } finally {
    redis.disconnect();
  }
}

/** Everything that the broker of a bundle holds is gone, as after a FLUSHALL. */
export async function wipeBroker(bundle: Bundle, broker: BrokerName): Promise<void> {
  if (broker === 'postgres') {
    await bundle.query('TRUNCATE reeve_broker.job CASCADE');
    return;
  }
  const redis = new Redis(redisUrlOf('redis') ?? '');
  try {
    const keys = await redis.keys(`${await redisPrefix(bundle)}:*`);
    if (keys.length > 0) await redis.del(...keys);
  } finally {
    redis.disconnect();
  }
}

async function redisPrefix(bundle: Bundle): Promise<string> {
  const rows = await bundle.query<{ id: string }>('SELECT id FROM reeve.engine');
  return `{reeve_${(rows[0]?.id ?? '').replaceAll('-', '').slice(0, 12)}}`;
}
