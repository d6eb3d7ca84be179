import type { IsolationKind } from '../core/isolation.ts';
import type { AppModule, ToSide } from './messages.ts';

/** What a thread or process is started with. */
export interface Launch {
  /** The program of the isolated side. */
  readonly entry: URL;
  readonly app: AppModule;
  /** MB. */
  readonly memoryLimit: number;
}

interface TransportListener {
  /** Whatever the side has sent; nothing comes after its end. */
  message(value: unknown): void;
  /** Called once, with how it has ended, such as `exit code 1`. */
  ended(how: string): void;
}

/** One thread or process, and the way to it. */
export interface Transport {
  readonly kind: IsolationKind;
  /** For people: `thread 3`, `process 4711`. */
  readonly name: string;
  send(message: ToSide): void;
  /** Ends it without asking it; a second call is harmless. `ended` tells when it is gone. */
  kill(): void;
  /** MB in use: the heap of a thread with its buffers, the resident memory of a process; undefined where unknown. */
  memory(): Promise<number | undefined>;
}

export type StartTransport = (launch: Launch, listener: TransportListener) => Transport;

export const bytesPerMb = 1_048_576;
