/** A beat as a process of its own: `node beat-app.ts` with TEST_URL; TEST_CLOCK_AHEAD moves its own clock ahead. */
import { DataSource } from 'typeorm';
import { createLogger, defineReeve, defineTask } from '../../src/index.ts';
import { quickTiming } from './quick-timing.ts';

const ahead = Number(process.env['TEST_CLOCK_AHEAD'] ?? '0');
const realNow = Date.now;
if (ahead > 0) Date.now = () => realNow() + ahead;

const dataSource = new DataSource({ type: 'postgres', url: process.env['TEST_URL'] ?? '', installExtensions: false });
const reeve = defineReeve({
  dataSource,
  redis: process.env['TEST_REDIS'],
  tasks: [defineTask({ name: 'tick', run: () => null })],
  timing: quickTiming,
  logger: createLogger('silent'),
});
await reeve.startBeat();
process.stdout.write('ready\n');
