/**
 * Asks 100 times for one background task whenever it is told to, and prints what it was answered and how long each
 * refused call took. TEST_CALLS: `at once`, or `in turn`; TEST_COUNTDOWN delays what is asked for.
 */
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { createLogger, defineBackgroundTask, defineReeve, type Duration } from '../../src/index.ts';

const pull = defineBackgroundTask({ name: 'pull', key: () => 'all', run: () => null });
const warm = defineBackgroundTask({
  name: 'warm',
  input: z.object({ round: z.number() }),
  key: ({ round }) => `${process.pid} ${round}`,
  run: () => null,
});
const reeve = defineReeve({
  dataSource: new DataSource({ type: 'postgres', url: process.env['TEST_URL'] ?? '', installExtensions: false }),
  redis: process.env['TEST_REDIS'],
  tasks: [pull, warm],
  logger: createLogger('silent'),
});
await reeve.ready();
// A process that has just started spends its first calls on compiling, and its connections on planning; what is measured
// is one that is at work.
for (let round = 0; round < 150; round += 1) {
  await Promise.all(Array.from({ length: 100 }, () => reeve.execute(warm, { round })));
}
process.stdout.write('ready\n');
const countdown = process.env['TEST_COUNTDOWN'];
const options = countdown === undefined ? {} : { countdown: countdown as Duration };

async function askOften(): Promise<object> {
  const refused: number[] = [];
  const ids = new Set<string>();
  let created = 0;
  const ask = async (): Promise<void> => {
    const before = performance.now();
    const scheduled = await reeve.execute(pull, undefined, options);
    if (scheduled.created) created += 1;
    else refused.push(performance.now() - before);
    ids.add(scheduled.executionId);
  };
  if (process.env['TEST_CALLS'] === 'at once') await Promise.all(Array.from({ length: 100 }, () => ask()));
  else for (let count = 0; count < 100; count += 1) await ask();
  return { created, ids: [...ids], ms: refused };
}

for await (const _ of process.stdin) process.stdout.write(`${JSON.stringify(await askOften())}\n`);
