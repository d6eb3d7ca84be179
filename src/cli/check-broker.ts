import { connect } from 'node:net';
import { ReeveError } from '../core/errors.ts';

const timeoutMs = 5_000;

/**
 * Whether something listens where Redis should be, so that a worker does not start in silence where nothing comes in.
 * An address without a host (a socket file) is not checked; a running worker bears an outage by itself.
 *
 * @throws BROKER_UNAVAILABLE
 */
export async function checkBroker(redis: string | undefined): Promise<void> {
  if (redis === undefined || !URL.canParse(redis)) return;
  const { hostname, port } = new URL(redis);
  if (hostname === '') return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379) }, resolve);
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`)));
  socket.on('error', reject);
  try {
    await promise;
  } catch (error) {
    const why = Error.isError(error) ? error.message || error.name : String(error);
    const message = `Redis at ${hostname}:${port || 6379} does not answer: ${why}`;
    throw new ReeveError('BROKER_UNAVAILABLE', message, { retryable: true, cause: error });
  } finally {
    socket.destroy();
  }
}
