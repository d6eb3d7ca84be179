// graphile-worker: each job adds the next one; tuned with prepared statements, a local queue and batched completions.
import { randomUUID } from 'node:crypto';
import { Logger, run } from 'graphile-worker';
import { contestant, Endings, inTurn, startTimes, timed, peerVersion } from '../answering.ts';

const concurrency = Number(process.env.CONCURRENCY);
const endings = new Endings();
const runner = await run({
  connectionString: process.env.DATABASE_URL,
  concurrency,
  noHandleSignals: true,
  pollInterval: 500,
  logger: new Logger(() => () => undefined),
  preset: {
    worker: {
      maxPoolSize: 20,
      preparedStatements: true,
      localQueue: { size: concurrency + 1 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
  taskList: {
    async step({ id, step, length }, helpers) {
      if (step < length) await helpers.addJob('step', { id, step: step + 1, length });
      else endings.end(id);
    },
  },
});

async function chains({ count, length }) {
  return timed(async () => {
    const ids = Array.from({ length: count }, () => randomUUID());
    const ended = ids.map((id) => endings.wait(id));
    await Promise.all(ids.map((id) => runner.addJob('step', { id, step: 1, length })));
    await Promise.all(ended);
  });
}

await contestant(
  { 'graphile-worker': await peerVersion('graphile-worker') },
  {
    chains,
    lone: ({ rounds, length }) => inTurn(rounds, () => chains({ count: 1, length })),
    starts: (args) =>
      startTimes(args, async () => {
        await chains({ count: 1, length: 1 });
        return performance.now();
      }),
  },
);
