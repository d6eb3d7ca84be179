import { Redis } from 'ioredis';
import { DatabaseSchema } from './entities.ts';
import type { Manifest } from './manifest.ts';
import { ownerOf } from './manifest-schema.ts';
import { dataSource } from './ormconfig.ts';
import type { Reality } from './reality.ts';
import { backendOf } from './reeve.config.ts';

/** The names of the manifest that the server has already, before anything was asked for. */
export function namesInUse(manifest: Manifest, real: Reality): string[] {
  return manifest.databases.flatMap((asked) => {
    const names = [asked.name, ...asked.afterwards.flatMap((followUp) => followUp.rename?.to ?? [])];
    const owner = ownerOf(asked);
    return [
      ...names.filter((name) => real.databases.has(name)).map((name) => `database ${name}`),
      ...(real.roles.has(owner) ? [`role ${owner}`] : []),
    ];
  });
}

/** Drops what was made on a server that stays; the backend drops only what carries the mark of its row. */
export async function dropEverything(notice: (text: string) => void): Promise<void> {
  const rows = await dataSource.manager.find(DatabaseSchema, { relations: { server: true } });
  for (const row of rows) {
    const backend = backendOf(row.server);
    try {
      await backend.dropDatabase(row);
      await backend.dropRole(row);
    } catch (error) {
      notice(`database ${row.name} was left on the server: ${Error.isError(error) ? error.message : String(error)}`);
    }
  }
}

/** The queues of an engine whose ledger is gone are of no use to anybody. */
export async function removeRedisKeys(redisUrl: string): Promise<void> {
  const rows: { id: string }[] = await dataSource.query('SELECT id FROM reeve.engine');
  const prefix = `{reeve_${(rows[0]?.id ?? '').replaceAll('-', '').slice(0, 12)}}`;
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 1 });
  redis.on('error', () => undefined);
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 500 })) {
      if ((keys as string[]).length > 0) await redis.del(...(keys as string[]));
    }
  } finally {
    redis.disconnect();
  }
}
