import { expect, it } from '@jest/globals';
import { createLogger, defineTask } from '../../src/index.ts';
import { Broker } from '../../src/queues/broker.ts';
import { describeOnBrokers, makeBundle, redisUrlOf } from '../support/bundle.ts';
import { ended } from '../support/start.ts';

describeOnBrokers('a worker that dies between its job and its claim', (broker) => {
  it('delays the step by the grace time, not until BullMQ has noticed', async () => {
    const quick = defineTask({ name: 'quick', run: () => 'done' });
    await using bundle = await makeBundle(broker, { tasks: [quick] });
    const [engine] = await bundle.query<{ id: string }>('SELECT id FROM reeve.engine');
    const dead = new Broker({
      redisUrl: redisUrlOf(broker),
      postgres: { connectionString: bundle.url },
      brokerSchema: 'reeve_broker',
      engineId: engine?.id ?? '',
      logger: createLogger('silent'),
    });
    const taken = Promise.withResolvers<void>();
    const never = dead.worker(
      'tasks',
      () => {
        taken.resolve();
        return new Promise(() => undefined);
      },
      { concurrency: 1 },
    );
    const { executionId } = await bundle.reeve.execute(quick);
    await taken.promise;
    await bundle.reeve.startWorker();
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded' });
    await never.close(true);
    await dead.close();
  });
});
