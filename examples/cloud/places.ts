import type { DataSource } from 'typeorm';
import { Cloud } from './cloud.ts';

/** Where this example works: its database, and the simulated cloud. Set before anything runs. */
export const places: { cloud: Cloud; dataSource: DataSource | undefined } = {
  cloud: new Cloud(),
  dataSource: undefined,
};

export function database(): DataSource {
  if (places.dataSource !== undefined) return places.dataSource;
  throw new Error('set places.dataSource first');
}
