import { Client } from 'pg';

/** Runs `work` on a connection of its own, which is closed before this returns. */
export async function onConnection<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'reeve demo',
  });
  // Without a listener the loss of an idle connection would end the process; the next query fails anyway.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
