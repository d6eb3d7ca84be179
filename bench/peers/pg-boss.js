// pg-boss: each job sends the next one. Woken by NOTIFY, with its shortest poll of half a second behind it.
import { randomUUID } from 'node:crypto';
import { PgBoss } from 'pg-boss';
import { setTimeout as pause } from 'node:timers/promises';
import { contestant, Endings, inTurn, Overlap, startTimes, timed, peerVersion } from '../answering.ts';

const concurrency = Number(process.env.CONCURRENCY);
const endings = new Endings();
const overlap = new Overlap();
const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, useListenNotify: true, max: 20 });
boss.on('error', () => undefined);
boss.on('warning', () => undefined);
await boss.start();
await boss.createQueue('chain', { notify: true });
await boss.createQueue('keyed', { notify: true });
const polling = { pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: 0.5, burstWhenBatchFull: true };
await boss.work('chain', { ...polling, localConcurrency: concurrency }, async ([{ data }]) => {
  if (data.step < data.length) await boss.send('chain', { ...data, step: data.step + 1 });
  else endings.end(data.id);
});
await boss.work('keyed', { ...polling, localConcurrency: 40, groupConcurrency: 4 }, async ([{ data }]) => {
  await overlap.during(data.key, () => pause(data.ms));
  endings.end(data.id);
});

async function chains({ count, length }) {
  return timed(async () => {
    const ids = Array.from({ length: count }, () => randomUUID());
    const ended = ids.map((id) => endings.wait(id));
    await boss.insert(
      'chain',
      ids.map((id) => ({ data: { id, step: 1, length } })),
    );
    await Promise.all(ended);
  });
}

await contestant(
  { 'pg-boss': await peerVersion('pg-boss') },
  {
    chains,
    lone: ({ rounds, length }) => inTurn(rounds, () => chains({ count: 1, length })),
    async throttle({ keys, tasks, ms }) {
      overlap.most = 0;
      const taken = await timed(async () => {
        const jobs = Array.from({ length: keys * tasks }, (_, n) => ({ id: randomUUID(), key: `k${n % keys}` }));
        const ended = jobs.map(({ id }) => endings.wait(id));
        await boss.insert(
          'keyed',
          jobs.map((job) => ({ data: { ...job, ms }, group: { id: job.key } })),
        );
        await Promise.all(ended);
      });
      return { ms: taken, most: overlap.most };
    },
    starts: (args) =>
      startTimes(args, async () => {
        await chains({ count: 1, length: 1 });
        return performance.now();
      }),
  },
);
