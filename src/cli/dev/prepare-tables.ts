import type { DataSource } from 'typeorm';
import type { Reeve } from '../../reeve.ts';
import { describeDatabase } from '../describe-app.ts';
import { notice } from '../terminal.ts';

/**
 * Brings the tables of Reeve and of the app up to date. Where the app has no migrations its tables are made to fit its
 * entities, but only in the embedded database: in another one that could drop columns that somebody needs.
 */
export async function prepareTables(reeve: Reeve, embeddedUrl: string | undefined): Promise<void> {
  const { dataSource } = reeve.options;
  if (!dataSource.isInitialized) await dataSource.initialize();
  const isEmbedded = embeddedUrl !== undefined && usesServer(dataSource, embeddedUrl);
  if (embeddedUrl !== undefined && !isEmbedded) {
    notice(
      `the config does not use DATABASE_URL: the app works on ${describeDatabase(dataSource)}, not on the embedded database`,
    );
  }
  for (const name of await reeve.migrate()) notice(`ran ${name} of Reeve`);
  await prepareAppTables(dataSource, isEmbedded);
}

async function prepareAppTables(dataSource: DataSource, isEmbedded: boolean): Promise<void> {
  if (dataSource.migrations.length > 0) {
    for (const { name } of await dataSource.runMigrations()) notice(`ran ${name} of the app`);
    return;
  }
  const hasTables = dataSource.entityMetadatas.some(({ synchronize }) => synchronize);
  if (!hasTables || dataSource.options.synchronize === true) return;
  if (isEmbedded) {
    await dataSource.synchronize();
    notice("the app has no migrations: its tables were made to fit its entities; don't do that in production");
  } else {
    notice('the app has no migrations, and its database is not the embedded one: its tables were left as they are');
  }
}

function usesServer({ options }: DataSource, url: string): boolean {
  if (options.type !== 'postgres') return false;
  const server = new URL(url);
  if (options.url !== undefined) return URL.canParse(options.url) && new URL(options.url).host === server.host;
  return String(options.port ?? '') === server.port;
}
