/** One process of a chaos run: `node chaos-process.ts worker|beat|producer` with CHAOS_PLACE and CHAOS_SEED. */
import { setTimeout as pause } from 'node:timers/promises';
import { chaosApp, type Place } from './chaos-app.ts';
import { produce } from './producer.ts';
import { slowStatements } from './slow-statements.ts';

const place = JSON.parse(process.env['CHAOS_PLACE'] ?? '{}') as Place;
const hasSandbox = process.env['CHAOS_SANDBOX'] === 'on';
const seed = Number(process.env['CHAOS_SEED'] ?? '0');
slowStatements(0.3, 25);
const app = chaosApp(place);

/** A process that starts while the database restarts waits for it, as its supervisor would let it. */
async function untilAnswered(start: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await start();
      return;
    } catch {
      await pause(200);
    }
  }
}

const modes: Record<string, () => Promise<void>> = {
  worker: () =>
    untilAnswered(() =>
      app.reeve.startWorker({ queues: { tasks: 10, background: 3, ...(hasSandbox ? { verbs: 2 } : {}) } }),
    ),
  beat: () => untilAnswered(() => app.reeve.startBeat()),
  producer: () => untilAnswered(() => app.reeve.ready()),
};
const mode = process.argv[2] ?? '';
// Its end is that of the run, however that came. A producer reads by itself, so that no word to it is lost.
process.stdin.once('end', () => process.kill(process.pid, 'SIGKILL'));
if (mode !== 'producer') process.stdin.resume();
await modes[mode]?.();
process.stdout.write('ready\n');
if (mode === 'producer') await produce(app, seed);
