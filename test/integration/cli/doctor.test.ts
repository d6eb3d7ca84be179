import { expect, it } from '@jest/globals';
import { describeOnBrokers, makeDatabase } from '../../support/bundle.ts';
import { breakDevice, hold } from './fixture-app/app.ts';
import { makeFixtureDatabase } from './fixture-database.ts';
import { reeveJson, ReeveProcess, runReeve } from './reeve-process.ts';

interface Report {
  readonly findings: readonly {
    readonly check: string;
    readonly state: string;
    readonly message: string;
    next?: string;
  }[];
}

describeOnBrokers('reeve doctor', (broker) => {
  it('finds nothing where all is well, and says what it has looked at', async () => {
    await using fixture = await makeFixtureDatabase(broker);
    const options = { environment: fixture.environment };
    const { exitCode, stdout } = await runReeve(['doctor', '--invariants'], options);
    expect(exitCode).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => line.split(/\s+/).slice(0, 2))).toEqual(
      ['ledger', 'clock', 'broker', 'workers', 'schedules', 'invariants'].map((check) => ['ok', check]),
    );
    expect(stdout).toContain(broker === 'redis' ? 'Redis answers and evicts nothing' : 'its jobs in PostgreSQL');
  });

  it('warns of a queue that has work and no worker, and exits with 0', async () => {
    await using fixture = await makeFixtureDatabase(broker);
    const options = { environment: fixture.environment };
    await fixture.reeve.execute(hold);
    const { findings } = await reeveJson<Report>(['doctor'], options);
    expect(findings.find(({ check }) => check === 'workers')).toEqual({
      check: 'workers',
      state: 'warn',
      message: 'queue "tasks" has 1 ready and 0 delayed steps, and no worker serves it',
      next: 'Start one: reeve worker -Q tasks',
    });
    await using worker = new ReeveProcess(['worker', '-Q', 'tasks'], options);
    await worker.says(/worker serves|ready|tasks/);
  });

  it('tells of every row that breaks a rule, with what to do, and exits with 1', async () => {
    await using fixture = await makeFixtureDatabase(broker);
    const options = { environment: fixture.environment };
    const device = await fixture.saveDevice('ok');
    await fixture.reeve.execute(breakDevice, device);
    const { dataSource } = fixture.reeve.options;
    await dataSource.query(`UPDATE device SET execution_id = NULL`);
    const { exitCode, stdout } = await runReeve(['doctor', '--invariants'], options);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^fail +invariants +I1: /m);
    expect(stdout).toContain(device.id);
    expect(stdout).toContain('somebody has edited its tables');
  });

  it('says what is missing where the tables are not there, and where nothing answers', async () => {
    const database = await makeDatabase();
    try {
      const bare = await runReeve(['doctor'], { environment: { DATABASE_URL: database.url } });
      expect(bare.exitCode).toBe(1);
      expect(bare.stdout).toMatch(/^fail +ledger +.*\n.*Run `reeve migrate`/);
    } finally {
      await database.drop();
    }
    const nowhere = await runReeve(['doctor'], {
      environment: { DATABASE_URL: 'postgres://reeve:hidden@127.0.0.1:1/nowhere' },
    });
    expect(nowhere.exitCode).toBe(1);
    expect(nowhere.stdout).toMatch(/^fail +ledger/);
    expect(nowhere.stdout).not.toContain('hidden');
  });
});
