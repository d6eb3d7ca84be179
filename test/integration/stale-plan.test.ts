import { describe, expect, it } from '@jest/globals';
import { createLogger } from '../../src/core/logging.ts';
import { LedgerPool } from '../../src/executions/ledger-pool.ts';
import { makeDatabase } from '../support/bundle.ts';

describe('statements that the connections of the ledger have planned', () => {
  it('are planned anew after a column was added under them, alone and inside a transaction', async () => {
    const database = await makeDatabase();
    const pool = new LedgerPool({ connectionString: database.url, max: 3 }, 'reeve', createLogger('silent'));
    try {
      await pool.query('CREATE TABLE thing (id integer)');
      await pool.query('INSERT INTO thing VALUES (1)');
      const read = 'SELECT * FROM thing WHERE id = $1';
      const everywhere = (): Promise<unknown[]> => Promise.all([1, 1, 1].map((id) => pool.query(read, [id])));
      await everywhere();
      await pool.query('ALTER TABLE thing ADD COLUMN name text');
      expect((await pool.query(read, [1])).rows).toEqual([{ id: 1, name: null }]);
      await everywhere();
      await pool.query('ALTER TABLE thing ADD COLUMN size integer');
      const { rows } = await pool.transaction((connection) => connection.query(read, [1]));
      expect(rows).toEqual([{ id: 1, name: null, size: null }]);
    } finally {
      await pool.close();
      await database.drop();
    }
  });

  it('tell of a mistake as before', async () => {
    const database = await makeDatabase();
    const pool = new LedgerPool({ connectionString: database.url, max: 1 }, 'reeve', createLogger('silent'));
    try {
      await expect(pool.query('SELECT 1 / $1::integer', [0])).rejects.toMatchObject({ code: '22012' });
      expect((await pool.query('SELECT 4 / $1::integer AS half', [2])).rows).toEqual([{ half: 2 }]);
    } finally {
      await pool.close();
      await database.drop();
    }
  });
});
