import { createServer } from 'node:net';
import { ReeveError } from '../core/errors.ts';
import type { Notice } from './host-messages.ts';

const portsToTry = 100;

/**
 * A port of 127.0.0.1 that nobody listens on now; another process may still take it before the server does.
 *
 * @param asked - 0 for any; else the first port to try, and the next ones after it when it is taken.
 */
export async function freePort(asked: number, notice: Notice): Promise<number> {
  if (asked === 0) {
    const port = await bound(0);
    if (port !== undefined) return port;
  }
  const last = Math.min(asked + portsToTry, 65_535);
  for (let port = asked; port > 0 && port <= last; port += 1) {
    if ((await bound(port)) === undefined) continue;
    if (port !== asked) notice(`port ${asked} is taken; PostgreSQL listens on port ${port}`);
    return port;
  }
  throw new ReeveError('EMBEDDED_POSTGRES_FAILED', `every port from ${asked} to ${last} of 127.0.0.1 is taken`);
}

function bound(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => {
      resolve(undefined);
    });
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = probe.address();
      probe.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : undefined);
      });
    });
  });
}
