import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { ThrottleView } from '../../../src/index.ts';
import { makeFixtureDatabase } from './fixture-database.ts';
import { reeveJson, runReeve } from './reeve-process.ts';

describe('reeve throttle', () => {
  it('lists limits, sets and resets one, and refuses a key or a limit that cannot be', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const options = { environment: fixture.environment };
    const empty = await runReeve(['throttle'], options);
    const client = new pg.Client({ connectionString: fixture.environment['DATABASE_URL'] });
    await client.connect();
    await client.query(
      `INSERT INTO reeve.throttle (key, name, max_held, level, held) VALUES ('provision:eu', 'provision', 4, 1, 0)`,
    );
    await client.end();
    const set = await runReeve(['throttle', 'set', 'provision:eu', '10', '--for', '1h', '--by', 'ada'], options);
    const listed = await runReeve(['throttle', 'list'], options);
    const reset = await reeveJson<ThrottleView>(['throttle', 'reset', 'provision:eu'], options);
    const unknown = await runReeve(['throttle', 'set', 'provision:us', '1'], options);
    const wrong = await runReeve(['throttle', 'set', 'provision:eu', 'many'], options);

    expect(empty.stdout).toBe('nobody has asked for a permit yet\n');
    expect(set).toMatchObject({ exitCode: 0, stdout: 'provision:eu: limit 10, 0 held, 0 waiting\n' });
    expect(listed.stdout).toMatch(/provision:eu +10 +0 +0 +overridden by ada until \S+Z/);
    expect(reset).toMatchObject({ key: 'provision:eu', limit: 4, override: null });
    expect(unknown).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('provision:us') });
    expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('use 0 to 100000') });
  });
});
