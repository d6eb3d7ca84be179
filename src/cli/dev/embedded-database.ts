import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../embedded/start-embedded-postgres.ts';
import { notice } from '../terminal.ts';

const serverVariables = ['DATABASE_URL', 'PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGSERVICE'];

/** The variable of the environment that names a database, if there is one. */
export function namedDatabase(environment: NodeJS.ProcessEnv): string | undefined {
  return serverVariables.find((name) => environment[name] !== undefined && environment[name] !== '');
}

/** Starts PostgreSQL on `dataDir`, and lets everything that reads DATABASE_URL from now on have it. */
export async function startDevDatabase(dataDir: string): Promise<EmbeddedPostgres> {
  notice(`starting PostgreSQL in ${dataDir}`);
  const server = await startEmbeddedPostgres({ dataDir, onNotice: notice });
  process.env['DATABASE_URL'] = server.url;
  return server;
}
