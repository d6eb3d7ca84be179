import { afterAll, beforeAll } from '@jest/globals';
import pg from 'pg';
import { testServerUrl } from './bundle.ts';

const key = 7_312_004;

/**
 * Suites that measure time, and suites that fill the machine, run one at a time: they share a lock on the test server.
 * All others may run beside them.
 */
export function runAlone(): void {
  const client = new pg.Client({ connectionString: testServerUrl() });
  client.on('error', () => undefined);
  beforeAll(async () => {
    await client.connect();
    await client.query('SELECT pg_advisory_lock($1)', [key]);
  }, 1_200_000);
  afterAll(async () => {
    await client.end();
  });
}
