import { DataSource, type EntitySchema } from 'typeorm';
import type { ReeveOptions } from '../../src/index.ts';
import { createTestReeve, type TestReeve } from '../../src/testing/index.ts';
import { makeDatabase } from './bundle.ts';
import { InstanceSchema, Volume } from './volume.ts';

/** The test kit on a database of its own; when `use` is over the invariants are checked. */
export async function withKit(
  options: Omit<ReeveOptions, 'dataSource'> & { readonly entities?: readonly EntitySchema[] },
  use: (kit: TestReeve, dataSource: DataSource) => Promise<void>,
): Promise<void> {
  const { entities, ...reeveOptions } = options;
  const database = await makeDatabase();
  const dataSource = new DataSource({
    type: 'postgres',
    url: database.url,
    entities: entities === undefined ? [Volume, InstanceSchema] : [...entities],
    synchronize: true,
    installExtensions: false,
  });
  try {
    await using kit = await createTestReeve({ dataSource, ...reeveOptions });
    await use(kit, dataSource);
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
    await database.drop();
  }
}

/** A saved volume, for a test without a bundle. */
export const newVolume = (dataSource: DataSource, state = 'ok', name = 'data'): Promise<Volume> =>
  dataSource.manager.save(Volume, { name, state } as Volume);
