/** What the caller of `startEmbeddedPostgres` asked for, every default filled in. */
export interface StartRequest {
  readonly type: 'start';
  readonly dataDir: string;
  /** 0 is any free port. */
  readonly port: number;
  readonly database: string;
  readonly persistent: boolean;
  readonly postgresFlags: readonly string[];
  /** The process that asked; it is named to whoever finds the data folder in use. */
  readonly startedBy: number;
}

export type HostRequest = StartRequest | { readonly type: 'stop' };

export type HostReport =
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'ready'; readonly url: string; readonly port: number; readonly dataDir: string }
  | { readonly type: 'failed'; readonly message: string };

/** Tells the caller something that it did not ask for but should know. */
export type Notice = (text: string) => void;
