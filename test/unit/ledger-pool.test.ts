import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from '@jest/globals';
import { createLogger } from '../../src/index.ts';
import { LedgerPool } from '../../src/executions/ledger-pool.ts';

const message = (type: string, body: string): Buffer => {
  const bytes = Buffer.from(body, 'latin1');
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
};

/** What a PostgreSQL that is being stopped tells a client which has just come in, in one packet. */
const welcomeAndGoodbye = Buffer.concat([
  message('R', '\0\0\0\0'),
  message('Z', 'I'),
  message('E', 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'),
]);

it('a server that stops in the moment in which a connection is lent out does not end the process', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(welcomeAndGoodbye));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connectionString = `postgres://reeve@127.0.0.1:${port}/reeve`;
  const pool = new LedgerPool({ connectionString, max: 1 }, 'reeve', createLogger('silent'));
  try {
    await expect(pool.transaction((connection) => connection.query('SELECT 1'))).rejects.toThrow();
  } finally {
    await pool.close();
    server.close();
  }
});
