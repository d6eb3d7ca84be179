import { expect, it } from '@jest/globals';
import { defineActionExecutor, defineCreateExecutor, defineThrottle } from '../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, volumeIn } from '../support/start.ts';
import { Outside, testResources, type Volume } from '../support/volume.ts';

/** An outside system that says how many calls are under way, and goes on when it is told to. */
class Counted extends Outside {
  readonly started: string[] = [];
  readonly open = new Map<string, () => void>();
  most = 0;

  override async answer(method: string, ...args: unknown[]): Promise<unknown> {
    const name = String(args[0]);
    this.started.push(name);
    await new Promise<void>((resolve) => {
      this.open.set(name, resolve);
      this.most = Math.max(this.most, this.open.size);
    });
    this.open.delete(name);
    return super.answer(method, ...args);
  }

  end(name: string): void {
    this.open.get(name)?.();
  }
}

const creating = async (bundle: Bundle): Promise<string[]> => {
  const rows = await bundle.query<{ name: string }>(`SELECT name FROM volume WHERE state = 'creating' ORDER BY name`);
  return rows.map((row) => row.name);
};

function provisioning(outside: Outside) {
  const { volume } = testResources(outside);
  const perServer = defineThrottle(volume, {
    name: 'provision',
    key: (row: Volume) => row.sizeGb,
    limit: (row: Volume) => (row.sizeGb === 10 ? 2 : undefined),
  });
  const create = defineCreateExecutor(volume, { throttle: perServer, plan: (p) => p.call('create') });
  return { volume, perServer, create };
}

async function createAll(
  bundle: Bundle,
  create: ReturnType<typeof provisioning>['create'],
  names: string[],
  sizeGb = 1,
) {
  const ids: string[] = [];
  for (const name of names) {
    const row = await volumeIn(bundle, 'creation_scheduled', { name, sizeGb });
    ids.push((await bundle.reeve.execute(create, row.id)).executionId);
  }
  return ids;
}

describeOnBrokers('throttles', (broker) => {
  it('W27 four go on, the fifth waits in creation_scheduled; other settings are not held up, and have limits of their own', async () => {
    const outside = new Counted();
    const { create } = provisioning(outside);
    await using bundle = await makeBundle(broker, { executors: [create] });
    await bundle.reeve.startWorker({ queues: { tasks: 20 } });
    const first = await createAll(bundle, create, ['a1', 'a2', 'a3', 'a4', 'a5', 'a6']);
    await eventually(() => expect(outside.started).toEqual(expect.arrayContaining(['a1', 'a2', 'a3', 'a4'])));
    const other = await createAll(bundle, create, ['b1', 'b2', 'b3'], 10);
    await eventually(() => expect(outside.started).toHaveLength(6));
    expect(await creating(bundle)).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'b2']);
    outside.end('a3');
    await eventually(() => expect(outside.started).toContain('a5'));
    expect(outside.started).not.toContain('a6');
    outside.end('a1');
    await eventually(() => expect(outside.started).toContain('a6'));
    for (const name of ['b1', 'a2', 'a4', 'a5', 'a6', 'b2']) outside.end(name);
    await eventually(() => expect(outside.started).toContain('b3'));
    outside.end('b3');
    for (const id of [...first, ...other]) expect((await ended(bundle, id)).state).toBe('succeeded');
    expect(await bundle.query(`SELECT 1 FROM reeve.permit`)).toHaveLength(0);
    const attempts = await bundle.query(`SELECT 1 FROM reeve.attempt`);
    expect(attempts).toHaveLength(9);
  });

  it('hand a permit on when its holder fails or is canceled, and a retry stands in line again', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const one = defineThrottle({ name: 'one', limit: 1 });
    const create = defineCreateExecutor(volume, { plan: (p) => p.throttled(one, (q) => q.call('create')) });
    outside.on('create', () => {
      throw new Error('quota');
    });
    await using bundle = await makeBundle(broker, { executors: [create] });
    const rows = [];
    for (const name of ['x', 'y', 'z']) rows.push(await volumeIn(bundle, 'creation_scheduled', { name }));
    const ids: string[] = [];
    for (const row of rows) ids.push((await bundle.reeve.execute(create, row.id)).executionId);
    await eventually(async () => {
      expect(await bundle.query(`SELECT 1 FROM reeve.permit WHERE held`)).toHaveLength(1);
    });
    expect(await bundle.reeve.cancel(ids[0] ?? '')).toEqual({ state: 'canceled' });
    await eventually(async () => {
      const held = await bundle.query<{ id: string }>(`SELECT execution_id AS id FROM reeve.permit WHERE held`);
      expect(held.map((row) => row.id)).toEqual([ids[1]]);
    });
    await bundle.reeve.startWorker();
    expect((await ended(bundle, ids[1] ?? '')).state).toBe('failed');
    expect((await ended(bundle, ids[2] ?? '')).state).toBe('failed');
    outside.on('create', () => undefined);
    await bundle.reeve.retry(ids[2] ?? '');
    expect((await ended(bundle, ids[2] ?? '')).state).toBe('succeeded');
  });

  it('stand around a part: what is before and behind it is not held up, and several keys are taken as one', async () => {
    const outside = new Counted();
    const { volume } = testResources(outside);
    const left = defineThrottle({ name: 'left', limit: 1 });
    const right = defineThrottle({ name: 'right', limit: 1 });
    const both = defineActionExecutor(volume, {
      name: 'both',
      plan: (p) => p.throttled([left, right], (q) => q.call('create')),
    });
    const only = defineActionExecutor(volume, {
      name: 'only',
      plan: (p) =>
        p
          .call('rename')
          .throttled(right, (q) => q.call('create'))
          .call('rename'),
    });
    await using bundle = await makeBundle(broker, { executors: [both, only] });
    await bundle.reeve.startWorker();
    const [a, b, c] = [
      await volumeIn(bundle, 'ok', { name: 'a' }),
      await volumeIn(bundle, 'ok', { name: 'b' }),
      await volumeIn(bundle, 'ok', { name: 'c' }),
    ];
    const first = await bundle.reeve.execute(both, a.id);
    await eventually(() => expect(outside.started).toEqual(['a']));
    const second = await bundle.reeve.execute(both, b.id);
    await eventually(async () => expect(await bundle.query(`SELECT 1 FROM reeve.permit`)).toHaveLength(4));
    const third = await bundle.reeve.execute(only, c.id);
    await eventually(() => expect(outside.started).toEqual(['a', 'c']));
    outside.end('c');
    await eventually(async () => expect(await bundle.query(`SELECT 1 FROM reeve.permit`)).toHaveLength(5));
    outside.end('a');
    await eventually(() => expect(outside.started).toEqual(['a', 'c', 'b']));
    outside.end('b');
    await eventually(() => expect(outside.started).toEqual(['a', 'c', 'b', 'c']));
    outside.end('c');
    await eventually(() => expect(outside.started).toEqual(['a', 'c', 'b', 'c', 'c']));
    outside.end('c');
    for (const { executionId } of [first, second, third]) {
      expect((await ended(bundle, executionId)).state).toBe('succeeded');
    }
  });
});
