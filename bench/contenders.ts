import type { Contender } from './contestant.ts';

const own = { program: './ours.ts' } as const;

export const reeveOnRedis: Contender = { ...own, name: 'Reeve, Redis broker', needs: 'both' };
export const reeveOnPostgres: Contender = { ...own, name: 'Reeve, PostgreSQL broker', needs: 'postgres' };
const bullmq = './peers/bullmq.js';
export const bullmqOnRedis: Contender = { name: 'BullMQ on Redis', program: bullmq, needs: 'redis' };
export const bullmqOnPostgres: Contender = { name: 'BullMQ on PostgreSQL', program: bullmq, needs: 'postgres' };
const dbos = { program: './peers/dbos.js', needs: 'postgres' } as const;
export const dbosQueued: Contender = { ...dbos, name: 'DBOS, queued, poll 20 ms', env: { MODE: 'queue' } };
export const dbosDirect: Contender = { ...dbos, name: 'DBOS, started in process', env: { MODE: 'direct' } };
export const pgBoss: Contender = { name: 'pg-boss', program: './peers/pg-boss.js', needs: 'postgres' };
export const graphileWorker: Contender = {
  name: 'graphile-worker',
  program: './peers/graphile-worker.js',
  needs: 'postgres',
};
export const openworkflow: Contender = { name: 'openworkflow', program: './peers/openworkflow.js', needs: 'postgres' };
export const celery: Contender = { name: 'Celery on Redis', program: './peers/celery_contestant.py', needs: 'redis' };

/** Everybody who has chains. */
export const everybody: readonly Contender[] = [
  reeveOnRedis,
  reeveOnPostgres,
  bullmqOnRedis,
  bullmqOnPostgres,
  dbosQueued,
  dbosDirect,
  pgBoss,
  graphileWorker,
  openworkflow,
  celery,
];

/** With one of the parts switched off. */
export function without(contender: Contender, part: 'CONTINUATION' | 'GROUP_COMMIT'): Contender {
  const what = part === 'CONTINUATION' ? 'no continuation' : 'no group commit';
  return { ...contender, name: `${contender.name}, ${what}`, env: { ...contender.env, [part]: 'off' } };
}
