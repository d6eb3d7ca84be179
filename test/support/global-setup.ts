import { startTestServers } from './test-servers.ts';

/** Starts the servers once for all test files; their addresses are REEVE_TEST_PG_URL and REEVE_TEST_REDIS_URL. */
export default async function globalSetup(): Promise<void> {
  await startTestServers();
}
