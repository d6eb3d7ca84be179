// openworkflow: a workflow of durable steps; its worker asks every 0.1 to 1 s where it finds nothing.
import { OpenWorkflow } from 'openworkflow';
import { BackendPostgres } from 'openworkflow/postgres';
import { contestant, Endings, inTurn, startTimes, timed, peerVersion } from '../answering.ts';

const backend = await BackendPostgres.connect(process.env.DATABASE_URL);
const workflows = new OpenWorkflow({ backend });
const endings = new Endings();
let begunAt = 0;
const chain = workflows.defineWorkflow({ name: 'chain' }, async ({ input: { id, length }, step }) => {
  begunAt = performance.now();
  for (let n = 0; n < length; n += 1) await step.run({ name: `step ${n}` }, async () => null);
  endings.end(id);
});
const worker = workflows.newWorker({ concurrency: Number(process.env.CONCURRENCY) });
await worker.start();
let number = 0;

async function chains({ count, length }) {
  return timed(async () => {
    const ids = Array.from({ length: count }, () => `${(number += 1)}`);
    const ended = ids.map((id) => endings.wait(id));
    await Promise.all(ids.map((id) => chain.run({ id, length })));
    await Promise.all(ended);
  });
}

await contestant(
  { openworkflow: await peerVersion('openworkflow') },
  {
    chains,
    lone: ({ rounds, length }) => inTurn(rounds, () => chains({ count: 1, length })),
    starts: (args) =>
      startTimes(args, async () => {
        await chains({ count: 1, length: 1 });
        return begunAt;
      }),
  },
);
