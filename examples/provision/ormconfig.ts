import { DataSource } from 'typeorm';
import { DatabaseSchema, ServerSchema } from './entities.ts';

/** The one DataSource of the application, for Reeve and for the TypeORM CLI. */
export const dataSource = new DataSource({
  type: 'postgres',
  url: process.env['DATABASE_URL'] ?? 'postgres://localhost:5432/reeve_demo',
  // Said aloud: for a user named like the schema of the ledger, `reeve`, that one would come first.
  schema: 'public',
  extra: { options: '-c search_path=public' },
  entities: [ServerSchema, DatabaseSchema],
  installExtensions: false,
  poolSize: 5,
});
