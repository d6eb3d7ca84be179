import { existsSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import {
  defineActionExecutor,
  defineCreateExecutor,
  defineReeve,
  defineTask,
  type QueueName,
  type Reeve,
} from '../../../../src/index.ts';
import { Device, device } from './device.ts';

const queues = ['tasks', 'heavy', 'background'] as const satisfies readonly QueueName[];

const tell = (queue: QueueName) =>
  defineTask({ name: `tell-${queue}`, queue, description: `tell ${queue}`, run: () => ({ pid: process.pid }) });

/** Says in which process it runs. */
export const tellTasks = tell('tasks');
const tellHeavy = tell('heavy');
const tellBackground = tell('background');

/** Does not end; its thread dies at the limit. */
export const spin = defineTask({
  name: 'spin',
  queue: 'heavy',
  isolation: 'thread',
  timeLimit: '500ms',
  run: () => {
    while (true);
  },
});

/** Says in which process of its own it runs. */
export const apart = defineTask({
  name: 'apart',
  queue: 'heavy',
  isolation: 'process',
  run: () => ({ pid: process.pid, osThread: readlinkSync('/proc/thread-self') }),
});

/** Says by one file that it has begun, and waits for another one: `ID.held` and `ID.release`. */
export const hold = defineTask({
  name: 'hold',
  run: async (_input, { executionId }) => {
    const folder = process.env['REEVE_FIXTURE_FOLDER'] ?? '';
    writeFileSync(join(folder, `${executionId}.held`), String(process.pid));
    while (!existsSync(join(folder, `${executionId}.release`))) await pause(20);
  },
});

/** Blocks the event loop for a while. */
export const hang = defineTask({
  name: 'hang',
  run: () => {
    const end = performance.now() + 15_000;
    while (performance.now() < end);
  },
});

const fail = defineTask({
  name: 'fail',
  retry: { attempts: 2, delay: 1 },
  run: () => {
    throw new Error('the rack is full');
  },
});

/** Twelve steps that go round the three queues. */
export const installDevice = defineCreateExecutor(device, {
  plan: (p) =>
    p
      .run(tellTasks, undefined)
      .run(tellHeavy, undefined)
      .run(tellBackground, undefined)
      .run(tellTasks, undefined)
      .run(tellHeavy, undefined)
      .run(tellBackground, undefined)
      .run(tellTasks, undefined)
      .run(tellHeavy, undefined)
      .run(tellBackground, undefined)
      .run(tellTasks, undefined)
      .run(tellHeavy, undefined)
      .run(tellBackground, undefined),
});

export const breakDevice = defineActionExecutor(device, { name: 'break', plan: (p) => p.run(fail, undefined) });

/** The queues of the twelve steps, in order. */
export const installQueues: readonly string[] = [...queues, ...queues, ...queues, ...queues];

/** The app; nothing is connected. */
export function makeApp(environment: NodeJS.ProcessEnv): Reeve {
  const url = environment['DATABASE_URL'];
  return defineReeve({
    dataSource: new DataSource({
      type: 'postgres',
      ...(url === undefined ? {} : { url }),
      entities: [Device],
      installExtensions: false,
    }),
    redis: environment['REDIS_URL'],
    executors: [installDevice, breakDevice],
    tasks: [tellTasks, tellHeavy, tellBackground, hold, hang, spin, apart, fail],
    timing: {
      lease: '2s',
      heartbeat: '400ms',
      reaper: '300ms',
      relay: '500ms',
      due: '200ms',
      reconciler: '500ms',
      grace: '1s',
    },
  });
}
