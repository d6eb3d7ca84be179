import { createLogger } from '../../src/index.ts';
import { Broker } from '../../src/queues/broker.ts';
import { jobId, stepJob } from '../../src/queues/job.ts';
import { leaseMs } from './chaos-app.ts';
import type { Fault } from './fault.ts';

interface StepRow {
  readonly execution_id: string;
  readonly position: number;
  readonly delivery: number;
  readonly queue: string;
}

/** Jobs that nobody has published: copies, old deliveries, steps that are not there, other engines, garbage. */
export const jobsForged: Fault = async ({ servers, app, random }) => {
  const postgres = { connectionString: servers.place.url, connectionTimeoutMillis: 5_000 };
  const [engine] = await app.dataSource.query<{ id: string }[]>('SELECT id FROM reeve.engine');
  const steps = await app.dataSource.query<StepRow[]>(
    `SELECT execution_id, position, delivery, queue FROM reeve.step WHERE state IN ('ready', 'running', 'succeeded')
     ORDER BY ready_at DESC NULLS LAST LIMIT 20`,
  );
  const id = engine?.id ?? '';
  const redisUrl = servers.place.redis;
  const broker = new Broker({
    redisUrl,
    postgres,
    brokerSchema: 'reeve_broker',
    engineId: id,
    leaseMs,
    logger: createLogger('silent'),
  });
  try {
    const forged = steps.flatMap((row) => {
      const step = { executionId: row.execution_id, position: row.position, queue: row.queue, priority: 0 };
      const same = { ...step, delivery: row.delivery };
      const old = { ...step, delivery: Math.max(0, row.delivery - 1) };
      return [same, old, { ...same, position: 999 }].map((one) => stepJob(id, one));
    });
    const jobs = [
      ...forged,
      ...forged.slice(0, 3).map((job) => ({ ...job, engine: 'another' })),
      ...forged.slice(0, 3).map((job) => ({ ...job, v: 99 })),
      'garbage',
      null,
    ];
    await broker.addJobs(
      'tasks',
      random.shuffle(jobs).map((data, index) => ({
        name: 'step',
        data,
        opts: { jobId: `${jobId({ executionId: 'forged', position: index, delivery: 0 })}_${random.int(0, 1e9)}` },
      })),
    );
  } finally {
    await broker.close();
  }
};
