import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** ReadyForQuery, and an ErrorResponse, as PostgreSQL's protocol 3 writes them. */
const welcome = Buffer.from('Z\0\0\0\u0005I', 'latin1');
const dismissal = message('E', 'SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');

function message(type: string, body: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, Buffer.from(body, 'latin1')]);
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/**
 * A way to one server that can be made bad, for what connects through it: late, silent, or cut in the middle of a word.
 */
export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #latencyMs = 0;
  #isSilent = false;
  #isDismissed: (greeting: string) => boolean = () => false;

  private constructor(server: Server, farPort: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (near) => this.#join(near, farPort));
  }

  /** On a free port of the loopback, to a port of it. */
  static async to(farPort: number): Promise<TcpProxy> {
    // Half of a connection may be closed on its own, as everywhere else.
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, farPort);
  }

  /** Every piece of data comes so much later, in order. */
  set latencyMs(ms: number) {
    this.#latencyMs = ms;
  }

  /**
   * For PostgreSQL: whom this picks by its first words is told in the same breath that it is connected and that an
   * administrator has ended its connection.
   */
  dismiss(pick: (greeting: string) => boolean): void {
    this.#isDismissed = pick;
  }

  /** Both ends are told at once that the connection is gone, whatever was said halfway. */
  reset(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /**
   * Nothing gets through any more, in either direction, and nobody is told: what a firewall does that forgets. New
   * connections are accepted, and as silent.
   */
  silence(): void {
    this.#isSilent = true;
    for (const pair of this.#pairs) this.#hush(pair);
  }

  /**
   * New connections work again. The silent ones go on where they were, or stay dead for ever without a word
   * (half-open), or are reset.
   */
  speak(silent: 'go on' | 'stay dead' | 'reset'): void {
    this.#isSilent = false;
    if (silent === 'reset') return this.reset();
    if (silent === 'stay dead') return;
    for (const { near, far } of this.#pairs) {
      near.resume();
      far.resume();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near: Socket, farPort: number): void {
    const far = connect({ port: farPort, host: '127.0.0.1', allowHalfOpen: true });
    const pair = { near, far };
    this.#pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      from.on('data', (data) => this.#after(() => to.write(data)));
      from.on('end', () => this.#after(() => to.end()));
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
    }
    if (this.#isSilent) this.#hush(pair);
    near.once('data', (greeting: Buffer) => {
      if (this.#isDismissed(greeting.toString('latin1'))) this.#dismissAtWelcome(pair);
    });
  }

  #dismissAtWelcome({ near, far }: Pair): void {
    far.removeAllListeners('data');
    far.on('data', (data: Buffer) => {
      if (!data.subarray(-6).equals(welcome)) {
        near.write(data);
        return;
      }
      near.end(Buffer.concat([data, dismissal]), () => far.destroy());
    });
  }

  #after(what: () => void): void {
    if (this.#latencyMs === 0) what();
    else setTimeout(what, this.#latencyMs);
  }

  #hush({ near, far }: Pair): void {
    near.pause();
    far.pause();
  }
}
