// BullMQ alone: each job adds the next one. On Redis (REDIS_URL, lost with its broker) or on PostgreSQL (DATABASE_URL).
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { createPostgresBackend, FlowProducer, Queue, Worker } from 'bullmq';
import { setTimeout as pause } from 'node:timers/promises';
import { contestant, Endings, inTurn, Overlap, startTimes, timed } from '../answering.ts';

const onRedis = process.env.REDIS_URL !== undefined;
const redis = onRedis ? new URL(process.env.REDIS_URL) : undefined;
const connection = onRedis
  ? { host: redis.hostname, port: Number(redis.port) }
  : { connectionString: process.env.DATABASE_URL, migrate: true };
const backend = onRedis ? [] : [createPostgresBackend];
const defaultJobOptions = { removeOnComplete: true, removeOnFail: true };
const concurrency = Number(process.env.CONCURRENCY);
const endings = new Endings();
const overlap = new Overlap();
const open = [];

function queueOf(name) {
  const queue = new Queue(name, { connection, defaultJobOptions }, ...backend);
  open.push(queue);
  return queue;
}

async function workerOf(name, work, atOnce) {
  const worker = new Worker(name, work, { connection, concurrency: atOnce }, ...backend);
  worker.on('error', () => undefined);
  await worker.waitUntilReady();
  open.push(worker);
}

const names = ['one', 'two'].map((name) => `bench-${name}-${randomUUID().slice(0, 8)}`);
const queues = names.map((name) => queueOf(name));
for (const name of names) {
  await workerOf(
    name,
    async ({ data: { id, step, length, turns } }) => {
      if (step < length) {
        const at = turns ? step % 2 : 0;
        await queues[at].add('step', { id, step: step + 1, length, turns });
      } else endings.end(id);
    },
    concurrency,
  );
}

async function chains({ count, length, turns = false }) {
  return timed(async () => {
    const ids = Array.from({ length: count }, () => randomUUID());
    const ended = ids.map((id) => endings.wait(id));
    await queues[0].addBulk(ids.map((id) => ({ name: 'step', data: { id, step: 1, length, turns } })));
    await Promise.all(ended);
  });
}

/** No limit for each key outside its paid version: a queue and a worker for each key. */
async function throttle({ keys, tasks, ms, limit }) {
  const prefix = `bench-key-${randomUUID().slice(0, 8)}`;
  const keyed = Array.from({ length: keys }, (_, key) => queueOf(`${prefix}-${key}`));
  for (const { name } of keyed) {
    await workerOf(
      name,
      async ({ data: { id } }) => {
        await overlap.during(name, () => pause(ms));
        endings.end(id);
      },
      limit,
    );
  }
  overlap.most = 0;
  const taken = await timed(async () => {
    await Promise.all(
      keyed.map(async (queue) => {
        const ids = Array.from({ length: tasks }, () => randomUUID());
        const ended = ids.map((id) => endings.wait(id));
        await queue.addBulk(ids.map((id) => ({ name: 'task', data: { id } })));
        await Promise.all(ended);
      }),
    );
  });
  return { ms: taken, most: overlap.most };
}

let flows;
async function group({ size }) {
  const [name] = names;
  flows ??= new FlowProducer({ connection }, ...backend);
  const id = randomUUID();
  return timed(async () => {
    const ended = endings.wait(id);
    const data = { step: 1, length: 1 };
    await flows.add({
      name: 'callback',
      queueName: name,
      data: { ...data, id },
      opts: defaultJobOptions,
      children: Array.from({ length: size }, (_, n) => ({
        name: 'member',
        queueName: name,
        data: { ...data, id: `${id}-${n}` },
        opts: defaultJobOptions,
      })),
    });
    await ended;
  });
}

async function start() {
  const id = randomUUID();
  const ended = endings.wait(id);
  await queues[0].add('step', { id, step: 1, length: 1 });
  await ended;
  return performance.now();
}

const { version } = createRequire(import.meta.url)('bullmq/package.json');
await contestant(
  { bullmq: version },
  {
    chains,
    lone: ({ rounds, length }) => inTurn(rounds, () => chains({ count: 1, length })),
    throttle,
    group,
    starts: (args) => startTimes(args, start),
  },
);
