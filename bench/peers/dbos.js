// DBOS: a workflow of durable steps. MODE=queue: from a queue that is asked every 20 ms (its default is a second);
// MODE=direct: started in the process that asks for it.
import { DBOS } from '@dbos-inc/dbos-sdk';
import { setTimeout as pause } from 'node:timers/promises';
import { contestant, inTurn, Overlap, startTimes, timed, peerVersion } from '../answering.ts';

const concurrency = Number(process.env.CONCURRENCY);
const queued = process.env.MODE !== 'direct';
const overlap = new Overlap();
let begunAt = 0;

const silent = Object.fromEntries(['info', 'debug', 'warn', 'error'].map((level) => [level, () => undefined]));
DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: process.env.DATABASE_URL,
  systemDatabasePoolSize: 20,
  logger: silent,
});
const chain = DBOS.registerWorkflow(
  async (length) => {
    begunAt = performance.now();
    for (let step = 0; step < length; step += 1) await DBOS.runStep(async () => null, { name: `step ${step}` });
  },
  { name: 'chain' },
);
const keyed = DBOS.registerWorkflow(
  async (key, ms) => DBOS.runStep(() => overlap.during(key, () => pause(ms)), { name: 'task' }),
  { name: 'keyed' },
);
const member = DBOS.registerWorkflow(async () => null, { name: 'member' });
const gather = DBOS.registerWorkflow(
  async (size) => {
    const started = [];
    for (let n = 0; n < size; n += 1) started.push(await DBOS.startWorkflow(member, options)());
    await Promise.all(started.map((handle) => handle.getResult({ pollingIntervalMs: 20 })));
    await DBOS.runStep(async () => null, { name: 'callback' });
  },
  { name: 'gather' },
);
await DBOS.launch();
const minPollingIntervalMs = 20;
await DBOS.registerQueue('chains', { workerConcurrency: concurrency, minPollingIntervalMs });
await DBOS.registerQueue('alone', { workerConcurrency: concurrency, minPollingIntervalMs });
await DBOS.registerQueue('keyed', { partitionConcurrency: 4, minPollingIntervalMs });
const options = queued ? { queueName: 'chains' } : {};

async function chains({ count, length }) {
  return timed(async () => {
    const handles = await Promise.all(Array.from({ length: count }, () => DBOS.startWorkflow(chain, options)(length)));
    await Promise.all(handles.map((handle) => handle.getResult({ pollingIntervalMs: 20 })));
  });
}

async function throttle({ keys, tasks, ms }) {
  overlap.most = 0;
  const taken = await timed(async () => {
    const handles = await Promise.all(
      Array.from({ length: keys * tasks }, (_, n) =>
        DBOS.startWorkflow(keyed, {
          queueName: 'keyed',
          enqueueOptions: { queuePartitionKey: `k${n % keys}` },
        })(`k${n % keys}`, ms),
      ),
    );
    await Promise.all(handles.map((handle) => handle.getResult({ pollingIntervalMs: 20 })));
  });
  return { ms: taken, most: overlap.most };
}

await contestant(
  { '@dbos-inc/dbos-sdk': await peerVersion('@dbos-inc/dbos-sdk') },
  {
    chains,
    lone: ({ rounds, length }) => inTurn(rounds, () => chains({ count: 1, length })),
    throttle,
    group: ({ size }) =>
      timed(async () => {
        const handle = await DBOS.startWorkflow(gather, queued ? { queueName: 'alone' } : {})(size);
        await handle.getResult({ pollingIntervalMs: 20 });
      }),
    starts: (args) =>
      startTimes(args, async () => {
        const handle = await DBOS.startWorkflow(chain, options)(1);
        await handle.getResult({ pollingIntervalMs: 20 });
        return begunAt;
      }),
  },
);
