import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/embedded/start-embedded-postgres.ts';
import { startTestRedis } from './test-redis.ts';

interface TestServers {
  readonly stack: AsyncDisposableStack;
  readonly redisSkipped: boolean;
}

/** Jest may load setup and teardown as two module instances; both see this. */
const held = globalThis as { reeveTestServers?: TestServers };

const skipped =
  'REDIS LANE SKIPPED: no REDIS_URL and no redis-server on the PATH; only the PostgreSQL broker was tested';

/**
 * Starts PostgreSQL (or uses REEVE_TEST_DATABASE_URL) and Redis (or uses REDIS_URL).
 *
 * Without any Redis the lane is skipped aloud; with REEVE_REQUIRE_REDIS=1 that is an error instead.
 */
export async function startTestServers(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const redisUrl = process.env['REDIS_URL'] || (await startTestRedis(stack));
  if (redisUrl === undefined) {
    if (process.env['REEVE_REQUIRE_REDIS'] === '1') {
      throw new Error(`${skipped}; REEVE_REQUIRE_REDIS=1 forbids that. Install redis-server, or set REDIS_URL`);
    }
    say(skipped);
  } else {
    process.env['REEVE_TEST_REDIS_URL'] = redisUrl;
  }
  process.env['REEVE_TEST_PG_URL'] = process.env['REEVE_TEST_DATABASE_URL'] || (await startTestPostgres(stack));
  held.reeveTestServers = { stack: stack.move(), redisSkipped: redisUrl === undefined };
}

export async function stopTestServers(): Promise<void> {
  const servers = held.reeveTestServers;
  delete held.reeveTestServers;
  await servers?.stack.disposeAsync();
  if (servers?.redisSkipped === true) say(skipped);
}

async function startTestPostgres(stack: AsyncDisposableStack): Promise<string> {
  const server = await startEmbeddedPostgres({
    dataDir: join(tmpdir(), `reeve-test-${process.pid}`),
    persistent: false,
    postgresFlags: ['-c', 'fsync=off', '-c', 'max_connections=300'],
  });
  stack.defer(() => server.stop());
  return server.url;
}

/** On a line of its own, whatever the reporter has left on the present one. */
function say(line: string): void {
  process.stderr.write(`\n${line}\n`);
}
