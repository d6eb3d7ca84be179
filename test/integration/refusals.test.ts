import { expect, it } from '@jest/globals';
import { EntitySchema } from 'typeorm';
import { z } from 'zod';
import {
  chain,
  defineActionExecutor,
  defineCreateExecutor,
  defineExecutor,
  defineReeve,
  defineResource,
  defineTask,
  lifecycle,
  signature,
} from '../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { logLines } from '../support/log-lines.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources, Volume } from '../support/volume.ts';

const echo = defineTask({ name: 'echo', input: z.json(), run: (input) => input });

async function rowsOf(bundle: Bundle): Promise<number> {
  const rows = await bundle.query(
    'SELECT id::text FROM reeve.execution UNION ALL SELECT task FROM reeve.step UNION ALL SELECT kind FROM reeve.event',
  );
  return rows.length;
}

/** An object nested `depth` levels deep. */
const nested = (depth: number): unknown => (depth === 0 ? 'leaf' : { inner: nested(depth - 1) });

const cycle: { self?: unknown } = {};
cycle.self = cycle;

const refused: readonly (readonly [title: string, input: unknown, code: string, words: string])[] = [
  ['a Date', { at: new Date(0) }, 'PAYLOAD_NOT_JSON', '"at" is a Date'],
  ['a Map', { map: new Map() }, 'PAYLOAD_NOT_JSON', 'Map'],
  ['a bigint', { big: 1n }, 'PAYLOAD_NOT_JSON', '"big" is a bigint'],
  ['a function', { run: () => 1 }, 'PAYLOAD_NOT_JSON', '"run" is a function'],
  ['NaN', { n: [1, Number.NaN] }, 'PAYLOAD_NOT_JSON', '"n[1]" is NaN'],
  ['infinity', { n: 1 / 0 }, 'PAYLOAD_NOT_JSON', 'Infinity'],
  ['a cycle', cycle, 'PAYLOAD_NOT_JSON', 'refers back'],
  ['a __proto__ key', JSON.parse('{"a":{"__proto__":{"admin":true}}}'), 'PAYLOAD_NOT_JSON', '__proto__'],
  ['a constructor key', JSON.parse('{"constructor":{"prototype":{}}}'), 'PAYLOAD_NOT_JSON', 'constructor'],
  ['a NUL character', { text: 'a\u0000b' }, 'PAYLOAD_NOT_JSON', 'NUL'],
  ['a lone surrogate', { text: 'a\uD800' }, 'PAYLOAD_NOT_JSON', 'surrogate'],
  ['a class instance', { error: new Error('x') }, 'PAYLOAD_NOT_JSON', 'Error'],
  ['what is one byte too large', { text: 'x'.repeat(256 * 1024) }, 'PAYLOAD_TOO_LARGE', '262144 bytes'],
  ['what is nested too deep', nested(65), 'PAYLOAD_TOO_LARGE', '64 levels'],
  ['100,000 levels', nested(5_000), 'PAYLOAD_TOO_LARGE', '64 levels'],
];

describeOnBrokers('input that cannot be stored', (broker) => {
  it.each(refused)('is refused before any row is written: %s', async (_title, input, code, words) => {
    const anything = defineTask({ name: 'anything', input: z.any(), run: () => null });
    await using bundle = await makeBundle(broker, { tasks: [anything] });
    await expect(bundle.reeve.execute(anything, input)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
    expect(await rowsOf(bundle)).toBe(0);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});

describeOnBrokers('input that does not fit its schema', (broker) => {
  it('is refused with every field that is wrong, and the resource stays untouched', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const extend = defineActionExecutor(volume, {
      name: 'volume.extend',
      input: z.object({ sizeGb: z.number().int().positive(), pool: z.string() }),
      plan: (p, { sizeGb }) => p.call('extend', [sizeGb]),
    });
    await using bundle = await makeBundle(broker, { executors: [extend] });
    const row = await volumeIn(bundle, 'ok');
    const wrong = { sizeGb: -1 } as unknown as { sizeGb: number; pool: string };
    const refusal = bundle.reeve.execute(extend, row, wrong);
    await expect(refusal).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(refusal).rejects.toThrow(/sizeGb: .*\n.*pool: /s);
    expect(await rowsOf(bundle)).toBe(0);
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', executionId: null });
  });

  it('is refused for a task in a plan and in a chain as well', async () => {
    const strict = defineTask({ name: 'strict', input: z.object({ n: z.number() }), run: (input) => input.n });
    await using bundle = await makeBundle(broker, { tasks: [echo, strict] });
    const wrong = { n: 'one' } as unknown as { n: number };
    const chained = chain(signature(echo, 1), signature(strict, wrong));
    await expect(bundle.reeve.execute(chained)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    expect(await rowsOf(bundle)).toBe(0);
  });
});

describeOnBrokers('what is not registered', (broker) => {
  it('is refused when it is executed: an executor, a task, an object that is neither', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const known = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    const unknown = defineActionExecutor(volume, { name: 'volume.renam', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [known] });
    const row = await volumeIn(bundle, 'ok');
    await expect(bundle.reeve.execute(unknown, row)).rejects.toMatchObject({
      code: 'EXECUTOR_UNKNOWN',
      message: expect.stringContaining('did you mean "volume.rename"?'),
    });
    await expect(bundle.reeve.execute(echo, 1)).rejects.toMatchObject({ code: 'TASK_UNKNOWN' });
    await expect(bundle.reeve.execute('volume.rename' as never, row as never)).rejects.toMatchObject({
      code: 'EXECUTOR_UNKNOWN',
    });
    expect(await rowsOf(bundle)).toBe(0);
  });

  it('a resource that was never saved, or does not exist, is refused with its name', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    const unsaved = bundle.dataSource.manager.create(Volume, { name: 'x' });
    await expect(bundle.reeve.execute(rename, unsaved)).rejects.toMatchObject({ code: 'RESOURCE_UNKNOWN' });
    const gone = '01900000-0000-7000-8000-000000000000';
    await expect(bundle.reeve.execute(rename, gone)).rejects.toMatchObject({
      code: 'RESOURCE_NOT_FOUND',
      message: expect.stringContaining(gone),
    });
    await expect(bundle.reeve.execute(rename, 'not-a-uuid')).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    expect(await rowsOf(bundle)).toBe(0);
  });

  it('a manager outside a transaction is refused', async () => {
    await using bundle = await makeBundle(broker, { tasks: [echo] });
    await expect(bundle.reeve.in(bundle.dataSource.manager).execute(echo, 1)).rejects.toMatchObject({
      code: 'TRANSACTION_REQUIRED',
    });
  });
});

describeOnBrokers('a plan', (broker) => {
  it('that is not pure is refused', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const extend = defineActionExecutor(volume, {
      name: 'volume.extend',
      plan: (p) => p.call('extend', [Math.random()]),
    });
    await using bundle = await makeBundle(broker, { executors: [extend] });
    const row = await volumeIn(bundle, 'ok');
    await expect(bundle.reeve.execute(extend, row)).rejects.toMatchObject({ code: 'PLAN_NOT_PURE' });
    expect(await rowsOf(bundle)).toBe(0);
  });

  it('that computes with a result that does not exist yet is refused with what to do', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const create = defineCreateExecutor(volume, {
      plan: (p) => p.call('create').call('wait', (previous) => [`${previous.actionId}!`]),
    });
    await using bundle = await makeBundle(broker, { executors: [create] });
    const row = await volumeIn(bundle, 'creation_scheduled');
    await expect(bundle.reeve.execute(create, row)).rejects.toMatchObject({
      code: 'PLAN_INVALID',
      message: expect.stringContaining('Compute in a task instead'),
    });
    expect(await rowsOf(bundle)).toBe(0);
  });
});

describeOnBrokers('a worker that meets a task it does not know', (broker) => {
  it('leaves the step where it is, says so once, and a worker that knows it does it', async () => {
    const log = logLines();
    await using bundle = await makeBundle(broker, { tasks: [echo] });
    const { executionId } = await bundle.reeve.execute(echo, { hello: 'world' });
    await using older = bundle.another({ tasks: [], logger: log.logger });
    const handle = await older.startWorker();
    await eventually(() => {
      expect(log.at('warn').filter((line) => line.message.includes('task "echo" is not registered'))).toHaveLength(1);
    });
    await eventually(async () => {
      const [step] = await bundle.query('SELECT state, attempt FROM reeve.step WHERE position = 0');
      expect(step).toMatchObject({ state: 'delayed', attempt: 0 });
    });
    await handle.stop();
    await bundle.reeve.startWorker();
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded', result: { hello: 'world' } });
    expect(log.at('warn').filter((line) => line.message.includes('not registered'))).toHaveLength(1);
  });
});

describeOnBrokers('a configuration', (broker) => {
  it('is refused at registration with all of its problems at once', async () => {
    await using bundle = await makeBundle(broker);
    const outside = new Outside();
    const { volume } = testResources(outside);
    type Calls = Record<string, (...args: unknown[]) => unknown>;
    const loose = (name: string, build: (p: Calls) => unknown) =>
      defineExecutor(volume, {
        name,
        plan: (p) => {
          build(p as unknown as Calls);
          return p;
        },
      });
    const typo = loose('typo', (p) => p['call']?.('creat'));
    const nowhere = loose('nowhere', (p) => p['transition']?.('beginUpdateing'));
    const queued = loose('queued', (p) => p['call']?.('create', { queue: 'hevy' }));
    const endless = loose('endless', (p) => p['poll']?.('isReady', {}));
    const strange = loose('strange', (p) => p['call']?.('create', { retrys: 1 }));
    const unlisted = defineExecutor(volume, { name: 'unlisted', plan: (p) => p.run(echo, 1) });
    const make = () =>
      defineReeve({
        dataSource: bundle.dataSource,
        executors: [typo, typo, nowhere, queued, endless, strange, unlisted] as never,
        tasks: [{ ...echo, name: 'lost', queue: 'bakground' } as never],
        queues: { tasks: { concurrency: 0 } },
        redis_url: 'x',
      } as never);
    expect(make).toThrow(expect.objectContaining({ code: 'CONFIGURATION_INVALID' }));
    for (const words of [
      'unknown option "redis_url" (did you mean "redis"?)',
      'queue "tasks" has concurrency 0',
      'executor "typo" is registered 2 times',
      'no method "creat" (did you mean "create"?)',
      'there is no transition "beginUpdateing" (did you mean "beginUpdating"?)',
      'queue "hevy" is not configured (did you mean "heavy"?)',
      'a poll without "timeout"',
      'unknown option "retrys" (did you mean "retry"?)',
      'task "echo" is not registered',
      'queue "bakground", which is not configured (did you mean "background"?)',
    ]) {
      expect(make).toThrow(words);
    }
  });

  it('whose entity lacks the columns of the engine is refused on the first use', async () => {
    await using bundle = await makeBundle(broker);
    const bare = new EntitySchema<{ id: string }>({ name: 'bare', columns: { id: { type: 'uuid', primary: true } } });
    const unknown = defineResource(bare, { name: 'test.bare', states: lifecycle });
    const other = bundle.another({ resources: [unknown] });
    await expect(other.ready()).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' });
    await expect(other.ready()).rejects.toThrow('test.bare');
  });
});
