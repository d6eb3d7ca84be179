/** `node examples/schedules/demo.ts`: some twenty seconds of scheduled backups on a PostgreSQL of its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { createLogger, startEmbeddedPostgres } from '../../src/index.ts';
import { Backups } from './backups.ts';
import { BackupPlanSchema, BackupSchema } from './entities.ts';
import { Store } from './store.ts';

const folder = await mkdtemp(join(tmpdir(), 'reeve-backups-'));
const server = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), persistent: false });
const store = new Store(folder, 10_000);
await store.prepare();
await writeFile(join(store.volumes, 'crm.img'), 'x'.repeat(1_000));
const dataSource = new DataSource({
  type: 'postgres',
  url: server.url,
  entities: [BackupPlanSchema, BackupSchema],
  synchronize: true,
  installExtensions: false,
});
await dataSource.initialize();
const backups = new Backups(dataSource, store, { logger: createLogger('warn') });
const say = (text: string): boolean => process.stdout.write(`${text}\n`);
try {
  await backups.reeve.migrate();
  await backups.reeve.startWorker();
  await backups.reeve.startBeat();
  const plan = await backups.plan({ volume: 'crm.img', cron: '*/2 * * * * *', timeZone: 'Europe/Tallinn', keep: 3 });
  for (let round = 0; round < 5; round += 1) {
    await pause(2_000);
    say(`copies: ${(await backups.copiesOf(plan.id)).map(({ createdAt }) => createdAt.toISOString()).join(', ')}`);
  }
  store.capacityBytes = 0;
  say('the store is full now');
  for (let state = await backups.stateOf(plan.id); ; state = await backups.stateOf(plan.id)) {
    if (!state.active) {
      say(`deactivated: ${state.message}`);
      break;
    }
    await pause(500);
  }
  say(`copies that stay: ${(await store.list()).length}`);
} finally {
  await backups.reeve.close();
  await dataSource.destroy();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
