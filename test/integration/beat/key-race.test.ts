import { expect, it } from '@jest/globals';
import { defineBackgroundTask } from '../../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';

const pull = defineBackgroundTask({ name: 'pull', key: () => 'all', run: () => null });

describeOnBrokers('who asks for a key that somebody is just starting', (broker) => {
  it('waits for the end of that start in his first look, and is refused with what it has started', async () => {
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const { executionId } = await bundle.reeve.execute(pull);
    const [first] = await bundle.query<{ key: string }>('SELECT unique_key AS key FROM reeve.execution');
    await bundle.reeve.cancel(executionId);
    const { started, asked } = await bundle.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 8113))', [first?.key]);
      const refused = bundle.reeve.execute(pull);
      await eventually(async () => {
        const waiting = await bundle.query(
          `SELECT query FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`,
        );
        expect(waiting).toEqual([{ query: expect.stringContaining('look_for_keys') }]);
      });
      return { started: await bundle.reeve.in(manager).execute(pull), asked: { refused } };
    });
    expect(started.created).toBe(true);
    expect(await asked.refused).toEqual({ executionId: started.executionId, created: false });
  });

  it('starts it himself where that start came to nothing', async () => {
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const { executionId } = await bundle.reeve.execute(pull);
    const [first] = await bundle.query<{ key: string }>('SELECT unique_key AS key FROM reeve.execution');
    await bundle.reeve.cancel(executionId);
    const { asked } = await bundle.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 8113))', [first?.key]);
      const answer = bundle.reeve.execute(pull);
      await eventually(async () => {
        expect(await bundle.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).toHaveLength(
          1,
        );
      });
      return { asked: { answer } };
    });
    expect(await asked.answer).toMatchObject({ created: true });
  });
});
