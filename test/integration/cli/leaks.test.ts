import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { newId } from '../../../src/core/ids.ts';
import type { Leak } from '../../../src/index.ts';
import { makeFixtureDatabase } from './fixture-database.ts';
import { reeveJson, runReeve } from './reeve-process.ts';

describe('reeve leaks', () => {
  it('lists what may remain outside, resolves it once, and says so when there is nothing', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const options = { environment: fixture.environment };
    const empty = await runReeve(['leaks'], options);
    const client = new pg.Client({ connectionString: fixture.environment['DATABASE_URL'] });
    await client.connect();
    const id = newId();
    await client.query(
      `INSERT INTO reeve.leak (id, resource_type, resource_id, execution_id, remains, error, created_at)
       VALUES ($1, 'test.device', 'd-1', $1, '{"backendId": "dev-7"}', '{"code": "BACKEND_REJECTED", "message": "in use"}', now())`,
      [id],
    );
    await client.end();
    const listed = await runReeve(['leaks', 'list'], options);
    const asJson = await reeveJson<Leak[]>(['leaks', 'list'], options);
    const resolved = await runReeve(['leaks', 'resolve', id, '--by', 'ada', '--note', 'removed'], options);
    const again = await runReeve(['leaks', 'resolve', id], options);
    const all = await reeveJson<Leak[]>(['leaks', 'list', '--resolved'], options);

    expect(empty.stdout).toBe('nothing is known to remain outside\n');
    expect(listed.stdout).toMatch(/test\.device\/d-1 .*"backendId":"dev-7".* in use +open/);
    expect(asJson).toMatchObject([{ id, remains: { backendId: 'dev-7' } }]);
    expect(resolved).toMatchObject({ exitCode: 0, stdout: `leak ${id} is resolved\n` });
    expect(again).toMatchObject({ exitCode: 3 });
    expect(all).toMatchObject([{ id, resolvedBy: 'ada', note: 'removed' }]);
  });
});
