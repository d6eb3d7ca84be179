import { randomBytes } from 'node:crypto';
import { describe } from '@jest/globals';
import pg from 'pg';
import { DataSource, type EntitySchema } from 'typeorm';
import { createLogger, defineReeve, type Reeve, type ReeveOptions } from '../../src/index.ts';
import { quickTiming } from './quick-timing.ts';
import { InstanceSchema, Volume } from './volume.ts';

export type BrokerName = 'postgres' | 'redis';

const redisUrl = process.env['REEVE_TEST_REDIS_URL'];

/** Where the broker of a lane is; undefined for PostgreSQL. */
export function redisUrlOf(broker: BrokerName): string | undefined {
  return broker === 'redis' ? redisUrl : undefined;
}

/** The brokers that this run has; where Redis is missing its lane was announced as skipped by the global setup. */
const brokers: readonly BrokerName[] = redisUrl === undefined || redisUrl === '' ? ['postgres'] : ['postgres', 'redis'];

/** Runs the same suite on each broker. */
export function describeOnBrokers(title: string, suite: (broker: BrokerName) => void): void {
  for (const broker of brokers) describe(`${title} (${broker} broker)`, () => suite(broker));
}

export interface Bundle extends AsyncDisposable {
  readonly url: string;
  readonly dataSource: DataSource;
  readonly reeve: Reeve;
  /** Another Reeve on the same database, as another process would have it; the caller closes it. */
  another(options?: Partial<ReeveOptions>): Reeve;
  /** Rows of a statement on a connection of its own, outside every transaction. */
  query<Row = Record<string, unknown>>(text: string, params?: unknown[]): Promise<Row[]>;
  /** The states that a resource went through, by its events. */
  statesOf(resourceId: string): Promise<string[]>;
}

export function testServerUrl(): string {
  const url = process.env['REEVE_TEST_PG_URL'];
  if (url === undefined) throw new Error('REEVE_TEST_PG_URL is not set; run the tests with "npm test"');
  return url;
}

/** A database of its own on the test server; dropped by the returned function. */
export async function makeDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client({ connectionString: testServerUrl() });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const url = new URL(testServerUrl());
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: async () => {
      const client = new pg.Client({ connectionString: testServerUrl() });
      await client.connect();
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await client.end();
    },
  };
}

/**
 * A Reeve on a database of its own. When it is disposed of, the invariants are checked: a test that leaves the ledger in
 * a state that may not be fails, whatever it asserted.
 */
export async function makeBundle(
  broker: BrokerName,
  options: Partial<ReeveOptions> & { readonly entities?: readonly (EntitySchema | (new () => object))[] } = {},
): Promise<Bundle> {
  const { entities = [], ...reeveOptions } = options;
  const database = await makeDatabase();
  const dataSource = new DataSource({
    type: 'postgres',
    url: database.url,
    entities: [Volume, InstanceSchema, ...entities],
    synchronize: true,
    installExtensions: false,
  });
  await dataSource.initialize();
  const allOptions: ReeveOptions = {
    dataSource,
    redis: redisUrlOf(broker),
    timing: quickTiming,
    logger: createLogger((process.env['REEVE_TEST_LOG'] as 'debug' | undefined) ?? 'silent'),
    ...reeveOptions,
  };
  const reeve = defineReeve(allOptions);
  await reeve.migrate();
  const pool = new pg.Pool({ connectionString: database.url, max: 4 });
  pool.on('error', () => undefined);
  const query = async <Row>(text: string, params: unknown[] = []): Promise<Row[]> =>
    (await pool.query(text, params)).rows as Row[];
  return {
    url: database.url,
    dataSource,
    reeve,
    another: (changes = {}) => defineReeve({ ...allOptions, ...changes }),
    query,
    async statesOf(resourceId) {
      const rows = await query<{ from: string; to: string }>(
        `SELECT data->>'from' AS from, data->>'to' AS to FROM reeve.event
         WHERE kind = 'resource.transition' AND resource_id = $1 ORDER BY id`,
        [resourceId],
      );
      return rows.length === 0 ? [] : [rows[0]?.from ?? '', ...rows.map((row) => row.to)];
    },
    async [Symbol.asyncDispose]() {
      const violations = await reeve.checkInvariants();
      await reeve.close();
      await dataSource.destroy();
      await pool.end();
      await database.drop();
      if (violations.length > 0) throw new Error(`Invariants are broken:\n${JSON.stringify(violations, null, 2)}`);
    },
  };
}
