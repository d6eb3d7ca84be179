import { describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { defineActionExecutor, defineReeve, ledgerEntities, reeveMigrations } from '../../src/index.ts';
import { makeBundle, makeDatabase, type Bundle } from '../support/bundle.ts';
import { ended, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';

function renameOf(outside: Outside) {
  const { volume } = testResources(outside);
  return defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename').call('extend', [2]) });
}

async function finishedBundle(): Promise<{ bundle: Bundle; executionId: string }> {
  const rename = renameOf(new Outside());
  const bundle = await makeBundle('postgres', { executors: [rename] });
  const worker = await bundle.reeve.startWorker();
  const { executionId } = await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
  await ended(bundle, executionId);
  await worker.stop();
  return { bundle, executionId };
}

describe('migrations', () => {
  it('may be run by many at once and again, and a ledger that is missing says what to do', async () => {
    const database = await makeDatabase();
    const dataSource = new DataSource({ type: 'postgres', url: database.url, installExtensions: false });
    const reeves = Array.from({ length: 5 }, () => defineReeve({ dataSource, logLevel: 'silent' }));
    await expect(reeves[0]?.ready()).rejects.toMatchObject({
      code: 'LEDGER_NOT_MIGRATED',
      message: expect.stringContaining('reeve migrate'),
    });
    const done = await Promise.all(reeves.map((reeve) => reeve.migrate()));
    expect(done.flat()).toEqual(reeveMigrations.map((migration) => migration.name));
    expect(await reeves[0]?.migrate()).toEqual([]);
    await Promise.all(reeves.map((reeve) => reeve.ready()));
    await Promise.all(reeves.map((reeve) => reeve.close()));
    await dataSource.destroy();
    await database.drop();
  });

  it('give tables that the entities of the ledger can read', async () => {
    const { bundle, executionId } = await finishedBundle();
    const reader = new DataSource({
      type: 'postgres',
      url: bundle.url,
      schema: 'reeve',
      entities: ledgerEntities(),
      migrations: reeveMigrations,
      migrationsTableName: 'reeve_migration',
      installExtensions: false,
    });
    await reader.initialize();
    const [execution, step] = ledgerEntities();
    expect(await reader.getRepository(execution).findOneByOrFail({ id: executionId })).toMatchObject({
      executor: 'volume.rename',
      state: 'succeeded',
    });
    expect(await reader.getRepository(step).countBy({ executionId })).toBe(3);
    await reader.destroy();
    await bundle[Symbol.asyncDispose]();
  });

  it('lead down again to an empty schema', async () => {
    const database = await makeDatabase();
    const dataSource = new DataSource({ type: 'postgres', url: database.url, installExtensions: false });
    const reeve = defineReeve({ dataSource, logLevel: 'silent' });
    await reeve.migrate();
    const down = new DataSource({
      type: 'postgres',
      url: database.url,
      schema: 'reeve',
      migrations: reeveMigrations,
      migrationsTableName: 'reeve_migration',
      installExtensions: false,
    });
    await down.initialize();
    for (const _migration of reeveMigrations) await down.undoLastMigration();
    const tables: { table_name: string }[] = await down.query(
      `SELECT table_name FROM information_schema.tables WHERE table_schema = 'reeve'`,
    );
    expect(tables).toEqual([{ table_name: 'reeve_migration' }]);
    await down.destroy();
    await reeve.close();
    await database.drop();
  });
});

describe('rows that may not be', () => {
  it.each([
    [
      'a running step without a lease',
      `UPDATE reeve.step SET state = 'running', claim_token = gen_random_uuid(), finished_at = NULL`,
    ],
    ['a delayed step without its time', `UPDATE reeve.step SET state = 'delayed', finished_at = NULL`],
    ['an unknown state', `UPDATE reeve.step SET state = 'lost'`],
    [
      'a ready step with open predecessors',
      `UPDATE reeve.step SET state = 'ready', finished_at = NULL, open_predecessors = 1`,
    ],
    ['a failed step without its error', `UPDATE reeve.step SET state = 'failed'`],
    ['an ended execution without its time', `UPDATE reeve.execution SET finished_at = NULL`],
    ['a failed execution without its error', `UPDATE reeve.execution SET state = 'failed'`],
    ['more attempts than allowed', `UPDATE reeve.step SET attempt = max_attempts + 1`],
  ])('cannot be stored: %s', async (_title, statement) => {
    const { bundle } = await finishedBundle();
    await expect(bundle.query(statement)).rejects.toMatchObject({ code: '23514' });
    await bundle[Symbol.asyncDispose]();
  });
});

describe('the invariant checker', () => {
  it('finds nothing in a ledger that is right', async () => {
    const { bundle } = await finishedBundle();
    expect(await bundle.reeve.checkInvariants()).toEqual([]);
    await bundle[Symbol.asyncDispose]();
  });

  it.each([
    ['I1', 'transient state without a live owner', `UPDATE volume SET state = 'updating'`],
    [
      'I1',
      'has an owner that has ended',
      `UPDATE volume SET state = 'creation_scheduled', execution_id = (SELECT id FROM reeve.execution)`,
    ],
    [
      'I1',
      'stable state and has an owner that does not hold it',
      `UPDATE volume SET execution_id = (SELECT id FROM reeve.execution)`,
    ],
    ['I2', 'no step that is ready', `UPDATE reeve.execution SET state = 'running', finished_at = NULL`],
    [
      'I3',
      'differs from its held permits',
      `INSERT INTO reeve.throttle (key, name, max_held, level, held) VALUES ('k', 'k', 4, 1, 2)`,
    ],
    [
      'I3',
      'belongs to no live scope',
      `INSERT INTO reeve.permit (execution_id, position, last_position, key, name, max_held, level, place, shared, requested_at)
       SELECT id, 0, 1, 'k', 'k', 1, 1, 1, false, now() FROM reeve.execution`,
    ],
    [
      'I3',
      'more permits are held than the limit',
      `WITH held AS (INSERT INTO reeve.permit (execution_id, position, last_position, key, name, max_held, level, place,
           shared, held, requested_at, admitted_at)
         SELECT id, position, position + 1, 'k', 'k', 1, 1, position, false, true, now(), now()
         FROM reeve.execution, generate_series(0, 1) AS position)
       INSERT INTO reeve.throttle (key, name, max_held, level, held) VALUES ('k', 'k', 1, 1, 2)`,
    ],
    [
      'I3',
      'that nobody has asked for',
      `UPDATE reeve.step SET state = 'waiting', waiting_for = 'permit', finished_at = NULL WHERE position = 0`,
    ],
    ['I4', 'before its predecessor ended well', `UPDATE reeve.step SET state = 'canceled' WHERE position = 0`],
    [
      'I2',
      'nothing of it runs',
      `UPDATE reeve.execution SET state = 'canceling', cancel_requested_at = now(), finished_at = NULL`,
    ],
    ['I4', 'no cancel was asked for', `UPDATE reeve.step SET state = 'canceled' WHERE position = 1`],
    [
      'I4',
      'may still start',
      `WITH e AS (UPDATE reeve.execution SET state = 'failing', finished_at = NULL)
       UPDATE reeve.step SET state = 'pending', finished_at = NULL, open_predecessors = 1 WHERE position = 1`,
    ],
    ['I4', 'still open', `UPDATE reeve.step SET state = 'pending', finished_at = NULL WHERE position = 2`],
    ['I4', 'an end without its attempt', `DELETE FROM reeve.attempt WHERE position = 1`],
    [
      'I4',
      'began before the predecessor',
      `UPDATE reeve.attempt SET started_at = started_at - interval '1 hour' WHERE position = 1`,
    ],
    [
      'I6',
      'judged a second time',
      `WITH made AS (INSERT INTO reeve.schedule (id, name, executor, target_kind, timing, time_zone, input, policies, owner,
         enabled, next_due_at, created_at, updated_at) VALUES (gen_random_uuid(), 'x', 'x', 'task', '{}', 'UTC', 'null', '{}',
         'operator', true, now(), now(), now()) RETURNING id)
       INSERT INTO reeve.schedule_fire (schedule_id, due_at, verdict, reason, fired_at)
       SELECT id, now(), 'skipped', 'x', now() FROM made`,
    ],
    [
      'I6',
      'without its execution',
      `WITH made AS (INSERT INTO reeve.schedule (id, name, executor, target_kind, timing, time_zone, input, policies, owner,
         enabled, created_at, updated_at) VALUES (gen_random_uuid(), 'x', 'x', 'task', '{}', 'UTC', 'null', '{}',
         'operator', true, now(), now()) RETURNING id)
       INSERT INTO reeve.schedule_fire (schedule_id, due_at, verdict, execution_id, fired_at)
       SELECT made.id, now(), 'fired', execution.id, now() FROM made, reeve.execution`,
    ],
    ['I8', 'an execution that does not exist', `UPDATE reeve.event SET execution_id = gen_random_uuid()`],
    ['I8', 'has no steps', `DELETE FROM reeve.step`],
  ])('turns red for %s: %s', async (invariant, words, sabotage) => {
    const { bundle } = await finishedBundle();
    await bundle.query(sabotage);
    const violations = await bundle.reeve.checkInvariants();
    expect(violations).toContainEqual(expect.objectContaining({ invariant, what: expect.stringContaining(words) }));
    await expect(bundle[Symbol.asyncDispose]()).rejects.toThrow('Invariants are broken');
  });
});
