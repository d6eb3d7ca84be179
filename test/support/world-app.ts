/** A worker for verbs in a process of its own, to be killed. Says "ready" on standard output. */
import process from 'node:process';
import { DataSource } from 'typeorm';
import { createLogger, defineReeve } from '../../src/index.ts';
import { quickTiming } from './quick-timing.ts';

const reeve = defineReeve({
  dataSource: new DataSource({ type: 'postgres', url: process.env['TEST_URL'] ?? '', installExtensions: false }),
  redis: process.env['TEST_REDIS'],
  verbs: {},
  queues: { verbs: { concurrency: 1 } },
  timing: quickTiming,
  logger: createLogger((process.env['REEVE_TEST_LOG'] as 'debug' | undefined) ?? 'silent'),
});
await reeve.startWorker({ queues: ['verbs'] });
process.stdout.write('ready\n');
