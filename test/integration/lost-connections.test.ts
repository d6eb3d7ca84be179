import { expect, it } from '@jest/globals';
import { createLogger, defineExecutor, defineTask } from '../../src/index.ts';
import { Broker } from '../../src/queues/broker.ts';
import { describeOnBrokers, makeBundle, redisUrlOf } from '../support/bundle.ts';
import { Child } from '../support/child.ts';
import { callTable, childApp, ThingSchema } from '../support/child-app.ts';
import { ended } from '../support/start.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

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
      leaseMs: 60_000,
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

describeOnBrokers('a connection that is lost while a child is started', (broker) => {
  it('is a passing failure: the child is started once, and both succeed', async () => {
    const quick = defineTask({ name: 'quick', run: () => 'done' });
    const child = defineExecutor({ name: 'child', plan: (p) => p.run(quick) });
    const parent = defineExecutor({ name: 'parent', plan: (p) => p.child(child, null) });
    await using bundle = await makeBundle(broker, { executors: [child, parent], tasks: [quick] });
    await bundle.query('CREATE SEQUENCE deaths');
    await bundle.query(`CREATE FUNCTION die_once() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF nextval('public.deaths') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
        RETURN NEW;
      END $$`);
    await bundle.query(`CREATE TRIGGER die_once BEFORE INSERT ON reeve.execution FOR EACH ROW
      WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION die_once()`);
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(parent);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded' });
    expect(await bundle.query('SELECT last_value FROM deaths WHERE last_value >= 2')).toHaveLength(1);
    expect(await bundle.reeve.executions({ executor: 'child' })).toHaveLength(1);
  });
});

describeOnBrokers('a worker whose connections are ended in the moment in which they are there', (broker) => {
  it('goes on with new ones', async () => {
    await using bundle = await makeBundle(broker, { entities: [ThingSchema] });
    await bundle.query(callTable);
    const address = new URL(bundle.url);
    await using proxy = await TcpProxy.to(Number(address.port));
    address.port = String(proxy.port);
    let connections = 0;
    proxy.dismiss((greeting) => {
      if (!greeting.includes('reeve broker')) return false;
      connections += 1;
      return connections % 2 === 0 && connections <= 12;
    });
    await using worker = new Child('worker', address.href, broker);
    await worker.line();
    const app = childApp(bundle.url, redisUrlOf(broker));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => app.dataSource.destroy());
    stack.defer(() => app.reeve.close());
    await app.dataSource.initialize();
    const thing = await app.dataSource.manager.save(ThingSchema, { name: 'here', state: 'ok' });
    const { executionId } = await app.reeve.execute(app.slow, thing.id);
    await bundle.query(`INSERT INTO call (method, name) VALUES ('go on', 'here')`);
    expect(await app.reeve.result(executionId, { timeout: '30s' })).toMatchObject({ state: 'succeeded' });
    if (broker === 'postgres') expect(connections).toBeGreaterThan(4);
  });
});
