import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { Backups } from '../../examples/schedules/backups.ts';
import { BackupPlanSchema, BackupSchema, type Backup } from '../../examples/schedules/entities.ts';
import { Store } from '../../examples/schedules/store.ts';
import { describeOnBrokers, makeBundle, redisUrlOf } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { quickTiming } from '../support/quick-timing.ts';

describeOnBrokers('scheduled backups', (broker) => {
  it('keep the newest three, and are deactivated with a message by a lasting error, until they are activated', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reeve-backups-test-'));
    const store = new Store(folder, 10_000);
    await store.prepare();
    await writeFile(join(store.volumes, 'crm.img'), 'x'.repeat(1_000));
    await using bundle = await makeBundle(broker, { entities: [BackupPlanSchema, BackupSchema] });
    const { dataSource } = bundle;
    const { logger } = bundle.reeve.options;
    const backups = new Backups(dataSource, store, {
      redis: redisUrlOf(broker),
      timing: quickTiming,
      ...(logger === undefined ? {} : { logger }),
    });
    await using _closed = backups.reeve;
    await backups.reeve.startWorker();
    const beat = await backups.reeve.startBeat();
    const plan = await backups.plan({ volume: 'crm.img', cron: '* * * * * *', timeZone: 'Asia/Kathmandu', keep: 3 });
    const [coming] = await backups.reeve.schedules.next(`backup-${plan.id}`, 1);
    expect(coming?.local).toMatch(/\+05:45$/);

    const made = new Set<string>();
    await eventually(
      async () => {
        const copies = await backups.copiesOf(plan.id);
        // One more exists while it takes the place of the oldest.
        expect(copies.length).toBeLessThanOrEqual(4);
        for (const { id } of copies) made.add(id);
        expect(made.size).toBeGreaterThanOrEqual(6);
      },
      { timeoutMs: 20_000 },
    );
    store.capacityBytes = 0;
    await eventually(async () => {
      expect(await backups.stateOf(plan.id)).toEqual({
        active: false,
        message: expect.stringMatching(/^the store of copies is full: \d+ of 0 bytes$/),
      });
    });
    const settled = async (): Promise<Backup[]> => {
      const rows = await dataSource.manager.find(BackupSchema, { order: { createdAt: 'DESC' } });
      expect(rows.filter(({ executionId }) => executionId !== null)).toEqual([]);
      return rows;
    };
    const rows = await eventually(settled);
    const kept = rows.filter(({ state }) => state === 'ok');
    expect(kept).toHaveLength(3);
    expect((await store.list()).toSorted()).toEqual(kept.map(({ backendId }) => backendId).toSorted());
    const erred = rows.filter(({ state }) => state === 'erred');
    expect(erred.length).toBeGreaterThanOrEqual(1);
    expect(erred[0]?.errorMessage).toContain('the store of copies is full');

    store.capacityBytes = 10_000;
    await backups.activate(plan.id);
    expect(await backups.stateOf(plan.id)).toMatchObject({ active: true, message: null });
    await eventually(async () => {
      const [newest] = await backups.copiesOf(plan.id);
      expect(newest?.id).not.toBe(kept[0]?.id);
    });
    await backups.reeve.schedules.pause(`backup-${plan.id}`);
    await beat.stop();
    await eventually(async () => expect((await settled()).filter(({ state }) => state === 'ok')).toHaveLength(3));
    await rm(folder, { recursive: true, force: true });
  });
});
