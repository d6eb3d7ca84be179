/** The ledger's own tables for the TypeORM CLI: `node node_modules/typeorm/cli.js migration:show -d ormconfig.ts`. */
import { DataSource } from 'typeorm';
import { ledgerEntities } from './src/executions/ledger-entities.ts';
import { reeveMigrations } from './src/executions/migrations/all-migrations.ts';

const url = process.env['DATABASE_URL'];

export const ledgerDataSource = new DataSource({
  type: 'postgres',
  ...(url === undefined ? {} : { url }),
  schema: 'reeve',
  entities: ledgerEntities(),
  migrations: reeveMigrations,
  migrationsTableName: 'reeve_migration',
  synchronize: false,
  installExtensions: false,
});
