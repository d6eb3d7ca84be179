import { describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { defineReeve, defineTask } from '../../src/index.ts';
import { migrateBroker } from '../../src/queues/broker.ts';
import { migrateLedger } from '../../src/executions/migrate-ledger.ts';
import { makeBundle, makeDatabase } from '../support/bundle.ts';
import { logLines } from '../support/log-lines.ts';
import { eventually } from '../support/eventually.ts';
import { quickTiming } from '../support/quick-timing.ts';

describe('a broker that is not ready when a worker starts', () => {
  it('is waited for without freezing the process, and then used', async () => {
    const database = await makeDatabase();
    const log = logLines();
    const now = defineTask({ name: 'now', run: () => 'done' });
    const dataSource = new DataSource({ type: 'postgres', url: database.url, installExtensions: false });
    const reeve = defineReeve({ dataSource, tasks: [now], timing: quickTiming, logger: log.logger });
    await migrateLedger({ connectionString: database.url }, 'reeve');
    await reeve.startWorker();
    const { executionId } = await reeve.execute(now);
    await eventually(() => {
      expect(log.at('warn').some((line) => line.message.includes('the broker does not answer a worker'))).toBe(true);
      expect(log.at('error').some((line) => line.message.startsWith('relay failed'))).toBe(true);
    });
    await migrateBroker({ connectionString: database.url }, 'reeve_broker');
    expect(await reeve.result(executionId, { timeout: '60s' })).toMatchObject({ state: 'succeeded', result: 'done' });
    await reeve.close();
    await dataSource.destroy();
    await database.drop();
  });

  it('where nothing answers at all is an error with a code and a next step', async () => {
    const url = 'postgres://nobody:secret-word@127.0.0.1:1/nothing';
    const dataSource = new DataSource({ type: 'postgres', url, installExtensions: false });
    const reeve = defineReeve({ dataSource, logLevel: 'silent' });
    const refusal = reeve.ready();
    await expect(refusal).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE', retryable: true });
    await expect(refusal).rejects.not.toThrow('secret-word');
    await expect(reeve.migrate()).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' });
    await reeve.close();
  });
});

describe('a role that is named like the schema of the ledger', () => {
  it('is refused, because unqualified tables would lead into the ledger', async () => {
    const database = await makeDatabase();
    const dataSource = new DataSource({
      type: 'postgres',
      url: database.url,
      installExtensions: false,
      extra: { options: '-c search_path=reeve,public' },
    });
    const reeve = defineReeve({ dataSource, logLevel: 'silent' });
    await reeve.migrate();
    await expect(reeve.ready()).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining('search_path'),
    });
    await reeve.close();
    await dataSource.destroy();
    await database.drop();
  });
});

describe('a process that leaves the publishing to others', () => {
  it('needs no broker: what it commits is published by a process with a worker', async () => {
    const log = logLines();
    const now = defineTask({ name: 'now', run: () => 'done' });
    await using bundle = await makeBundle('postgres', { tasks: [now] });
    const web = bundle.another({ publish: false, redis: 'redis://127.0.0.1:1', logger: log.logger });
    const { executionId } = await web.execute(now);
    expect(await bundle.query('SELECT 1 FROM reeve.step WHERE published_epoch >= 0')).toEqual([]);
    await bundle.reeve.startWorker();
    expect(await web.result(executionId, { timeout: '60s' })).toMatchObject({ state: 'succeeded', result: 'done' });
    expect([...log.at('warn'), ...log.at('error')]).toEqual([]);
    await web.close();
  });
});
