import { describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { isConnectionError } from '../../../src/executions/sql-state.ts';
import { makeDatabase, makeBundle } from '../../support/bundle.ts';
import { Volume } from '../../support/volume.ts';

describe('F9 TypeORM', () => {
  it('gives the connection back when it dies in a transaction, and the next transaction gets another', async () => {
    const database = await makeDatabase();
    await using stack = new AsyncDisposableStack();
    stack.defer(database.drop);
    const extra = { max: 2, connectionTimeoutMillis: 5_000 };
    const dataSource = new DataSource({ type: 'postgres', url: database.url, installExtensions: false, extra });
    await dataSource.initialize();
    stack.defer(() => dataSource.destroy());
    for (let round = 1; round <= 5; round += 1) {
      const error = await dataSource
        .transaction(async (manager) => {
          const kill = manager.query('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => undefined);
          await kill;
          await manager.query('SELECT 1');
        })
        .then(
          () => 'it was committed',
          (thrown: unknown) => thrown,
        );
      expect([round, isConnectionError(error) || error]).toEqual([round, true]);
    }
    expect(await dataSource.transaction((manager) => manager.query('SELECT 1 AS one'))).toEqual([{ one: 1 }]);
  });

  it('throws for a condition whose value is undefined, and does not take it for no condition', async () => {
    await using bundle = await makeBundle('postgres');
    const { manager } = bundle.dataSource;
    await manager.save(Volume, { name: 'first', state: 'ok' });
    await expect(manager.findOneBy(Volume, { id: undefined as unknown as string })).rejects.toThrow(/undefined/i);
  });

  it('loses a key "__proto__" of a JSON value in silence, which the engine refuses before', async () => {
    await using bundle = await makeBundle('postgres');
    const poisoned: unknown = JSON.parse('{"__proto__":{"admin":true},"kept":1}');
    const rows = await bundle.query<{ value: object }>('SELECT $1::jsonb AS value', [JSON.stringify(poisoned)]);
    expect(JSON.stringify(rows[0]?.value)).toContain('kept');
    await expect(
      bundle.dataSource.transaction((manager) =>
        bundle.reeve.in(manager).execute({ name: 'none' } as never, poisoned as never),
      ),
    ).rejects.toThrow(expect.objectContaining({ code: expect.stringMatching(/^[A-Z_]+$/) }));
  });
});
