/** The app of `bench/isolation.ts`, as its threads and processes import it. */
import { DataSource } from 'typeorm';
import { createLogger, defineReeve, defineTask } from '../src/index.ts';

const none = defineTask({ name: 'none', queue: 'heavy', run: () => null });
const spin = defineTask({
  name: 'spin',
  queue: 'heavy',
  run: () => {
    while (true);
  },
});

const url = process.env['DATABASE_URL'] ?? '';

// oxlint-disable-next-line import/no-default-export -- what isolation.module names
export default defineReeve({
  dataSource: new DataSource({ type: 'postgres', url, entities: [], installExtensions: false }),
  tasks: [none, spin],
  isolation: { module: import.meta.url },
  logger: createLogger('silent'),
});
