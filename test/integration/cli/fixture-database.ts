import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Reeve } from '../../../src/index.ts';
import { makeDatabase, type BrokerName } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { makeApp } from './fixture-app/app.ts';
import { Device } from './fixture-app/device.ts';

/** A migrated database of the fixture app, and the app itself in this process, without a worker. */
export interface FixtureDatabase extends AsyncDisposable {
  /** For processes of the app. */
  readonly environment: Readonly<Record<string, string>>;
  readonly url: string;
  readonly reeve: Reeve;
  saveDevice(state?: string): Promise<Device>;
  /** Waits until the step of the task `hold` runs, and answers the pid of its process. */
  held(executionId: string): Promise<number>;
  release(executionId: string): Promise<void>;
}

export async function makeFixtureDatabase(broker: BrokerName): Promise<FixtureDatabase> {
  await using stack = new AsyncDisposableStack();
  const database = await makeDatabase();
  stack.defer(database.drop);
  const folder = await mkdtemp(join(tmpdir(), 'reeve-cli-test-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const redisUrl = broker === 'redis' ? (process.env['REEVE_TEST_REDIS_URL'] ?? '') : '';
  const environment = {
    DATABASE_URL: database.url,
    ...(redisUrl === '' ? {} : { REDIS_URL: redisUrl }),
    REEVE_FIXTURE_FOLDER: folder,
    REEVE_LOG_LEVEL: 'error',
  };
  const reeve = makeApp(environment);
  const { dataSource } = reeve.options;
  await dataSource.initialize();
  stack.defer(async () => {
    await reeve.close();
    await dataSource.destroy();
  });
  await reeve.migrate();
  await dataSource.synchronize();
  const owned = stack.move();
  return {
    environment,
    url: database.url,
    reeve,
    async saveDevice(state) {
      const saved = await dataSource.manager.save(Device, {
        name: 'switch',
        ...(state === undefined ? {} : { state }),
      });
      return dataSource.manager.findOneByOrFail(Device, { id: saved.id });
    },
    held: (executionId) =>
      eventually(async () => Number(await readFile(join(folder, `${executionId}.held`), 'utf8')), {
        timeoutMs: 30_000,
      }),
    release: (executionId) => writeFile(join(folder, `${executionId}.release`), ''),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
