/** Asks 100 times for one background task when told to, and prints what it was answered and how long each call took. */
import { once } from 'node:events';
import { DataSource } from 'typeorm';
import { createLogger, defineBackgroundTask, defineReeve } from '../../src/index.ts';

const pull = defineBackgroundTask({ name: 'pull', key: () => 'all', run: () => null });
const reeve = defineReeve({
  dataSource: new DataSource({ type: 'postgres', url: process.env['TEST_URL'] ?? '', installExtensions: false }),
  redis: process.env['TEST_REDIS'],
  tasks: [pull],
  logger: createLogger('silent'),
});
await reeve.ready();
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const ids = new Set<string>();
const ms: number[] = [];
let created = 0;
for (let count = 0; count < 100; count += 1) {
  const before = performance.now();
  const scheduled = await reeve.execute(pull);
  ms.push(performance.now() - before);
  ids.add(scheduled.executionId);
  if (scheduled.created) created += 1;
}
process.stdout.write(`${JSON.stringify({ created, ids: [...ids], ms })}\n`);
