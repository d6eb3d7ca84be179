import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createLogger } from '../../src/index.ts';
import { newId } from '../../src/core/ids.ts';
import { checkedSchema, LedgerPool } from '../../src/executions/ledger-pool.ts';
import { Broker } from '../../src/queues/broker.ts';

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

async function withStoppingServer(use: (connectionString: string) => Promise<void>): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(welcomeAndGoodbye));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use(`postgres://reeve@127.0.0.1:${(server.address() as AddressInfo).port}/reeve`);
  } finally {
    server.close();
  }
}

describe('a server that stops in the moment in which a connection is lent out', () => {
  it('does not end the process through the pool of the ledger', async () => {
    await withStoppingServer(async (connectionString) => {
      const pool = new LedgerPool({ connectionString, max: 1 }, 'reeve', createLogger('silent'));
      await expect(pool.transaction((connection) => connection.query('SELECT 1'))).rejects.toThrow();
      await pool.close();
    });
  });

  it('does not end the process through the pool of BullMQ', async () => {
    await withStoppingServer(async (connectionString) => {
      const postgres = { connectionString };
      const logger = createLogger('silent');
      const broker = new Broker({
        redisUrl: undefined,
        postgres,
        brokerSchema: 'b',
        engineId: newId(),
        leaseMs: 30_000,
        logger,
      });
      await expect(broker.addJobs('tasks', [])).rejects.toThrow();
      await broker.close();
    });
  });
});

describe('the name of the schema', () => {
  it.each(['pg_reeve', 'pg_', 'Reeve', '1st', 'a'.repeat(49), 'a"b', ''])(
    '%j is refused before PostgreSQL would',
    (name) => {
      expect(() => checkedSchema(name)).toThrow(expect.objectContaining({ code: 'CONFIGURATION_INVALID' }));
    },
  );

  it.each(['reeve', '_reeve', 'pgreeve', 'a'.repeat(48)])('%j is taken', (name) => {
    expect(checkedSchema(name)).toBe(name);
  });
});
