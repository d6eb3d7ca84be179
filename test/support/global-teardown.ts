import { stopTestServers } from './test-servers.ts';

export default async function globalTeardown(): Promise<void> {
  await stopTestServers();
}
