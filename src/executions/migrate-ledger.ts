import { Client, type PoolConfig } from 'pg';
import { DataSource } from 'typeorm';
import { ReeveError } from '../core/errors.ts';
import type { Connection } from './connection.ts';
import { checkedSchema } from './ledger-pool.ts';
import { ledgerEntities } from './ledger-entities.ts';
import { reeveMigrations } from './migrations/all-migrations.ts';
import { sqlState } from './sql-state.ts';

/** Two integers that no other software is likely to lock: "reev", "migr". */
const advisoryLock = [0x72656576, 0x6d696772] as const;

/**
 * Brings the tables of Reeve up to date and answers the names of the migrations that ran. Safe to run by many at once:
 * one does it, the others wait for it. All migrations are one transaction.
 */
export async function migrateLedger(config: PoolConfig, schema: string): Promise<string[]> {
  const name = checkedSchema(schema);
  const guard = new Client(config);
  guard.on('error', () => undefined);
  await guard.connect();
  try {
    await guard.query('BEGIN');
    await guard.query('SELECT pg_advisory_xact_lock($1, $2)', [...advisoryLock]);
    const dataSource = migrationDataSource(config, name);
    await dataSource.initialize();
    try {
      await dataSource.query(`CREATE SCHEMA IF NOT EXISTS ${name}`);
      const done = await dataSource.runMigrations({ transaction: 'all' });
      return done.map((migration) => migration.name);
    } finally {
      await dataSource.destroy();
    }
  } finally {
    await guard.end();
  }
}

function migrationDataSource(config: PoolConfig, schema: string): DataSource {
  return new DataSource({
    type: 'postgres',
    ...(config.connectionString === undefined ? {} : { url: config.connectionString }),
    ...(config.host === undefined ? {} : { host: config.host }),
    ...(config.port === undefined ? {} : { port: config.port }),
    ...(config.user === undefined ? {} : { username: config.user }),
    ...(config.password === undefined ? {} : { password: config.password as string }),
    ...(config.database === undefined ? {} : { database: config.database }),
    ...(config.ssl === undefined ? {} : { ssl: config.ssl as boolean }),
    schema,
    migrationsTableName: 'reeve_migration',
    migrations: reeveMigrations,
    entities: ledgerEntities(schema),
    installExtensions: false,
    poolSize: 2,
    logging: false,
  });
}

/**
 * The id of this ledger.
 *
 * @throws LEDGER_NOT_MIGRATED when the tables are missing or older than this version needs.
 */
export async function readEngineId(connection: Connection): Promise<string> {
  const advice = `run "reeve migrate" first (schema "${connection.schema}")`;
  try {
    const { rows } = await connection.query<{ id: string; migrations: string[] }>(
      `SELECT id, (SELECT coalesce(array_agg(name), '{}') FROM ${connection.schema}.reeve_migration) AS migrations
       FROM ${connection.schema}.engine`,
    );
    const engine = rows[0];
    const missing = reeveMigrations.filter((migration) => engine?.migrations.includes(migration.name) !== true);
    if (engine === undefined || missing.length > 0) {
      throw new ReeveError('LEDGER_NOT_MIGRATED', `The tables of Reeve are older than this version; ${advice}`);
    }
    return engine.id;
  } catch (error) {
    if (['42P01', '3F000'].includes(sqlState(error) ?? '')) {
      throw new ReeveError('LEDGER_NOT_MIGRATED', `The tables of Reeve are missing; ${advice}`, { cause: error });
    }
    throw error;
  }
}
