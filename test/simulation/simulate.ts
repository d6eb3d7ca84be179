/**
 * `npm run simulate -- [--seed N] [--minutes M] [--crash-at K|K+|each] [--sabotage NAME|list]`
 *
 * A cluster in one process, decided by a seed; exits with 1 and says what broke and how it is repeated. A sabotage takes
 * one guard out of the protocol, and then 1 is the good answer.
 */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { sabotageSources } from '../chaos/sabotage-sources.ts';
import { parseSimulationOptions, usage, type SimulationOptions } from './simulation-options.ts';
import { simulationSabotages } from './simulation-sabotages.ts';

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A server of the tests, or one of its own; with a database of its own. */
async function openDatabase(stack: AsyncDisposableStack): Promise<string> {
  let serverUrl = process.env['REEVE_TEST_PG_URL'];
  if (serverUrl === undefined) {
    const { startEmbeddedPostgres } = await import('../../src/embedded/start-embedded-postgres.ts');
    const dataDir = join(tmpdir(), `reeve-simulation-${process.pid}`);
    const server = await startEmbeddedPostgres({ dataDir, persistent: false, postgresFlags: ['-c', 'fsync=off'] });
    stack.defer(() => server.stop());
    serverUrl = server.url;
  }
  const name = `simulation_${randomBytes(6).toString('hex')}`;
  const run = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: serverUrl });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  await run(`CREATE DATABASE ${name}`);
  stack.defer(() => run(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function main(options: SimulationOptions): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const url = await openDatabase(stack);
  if (options.sabotage !== undefined) sabotageSources(options.sabotage.edits);
  // Only now: its imports are what a sabotage rewrites.
  const { openSimulation, simulate } = await import('./simulation-run.ts');
  const simulation = stack.use(await openSimulation(url, options.sabotage));
  const exitCode = await simulate(simulation, options, say);
  return exitCode;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
try {
  const options = parseSimulationOptions(process.argv.slice(2));
  if (options === 'list') for (const { name, what } of simulationSabotages) say(`${name}: ${what}`);
  else process.exitCode = await main(options);
} catch (error) {
  say(`${Error.isError(error) ? (error.stack ?? error.message) : String(error)}\n${usage}`);
  process.exitCode = 2;
}
