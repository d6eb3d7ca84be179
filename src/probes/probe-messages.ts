/** What the thread of the probes is started with. */
export interface ProbeSettings {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** After this long without a sign of the main thread it counts as hung. */
  readonly hungMs: number;
}

/** From the main thread: a sign of life, or the answer to a question. */
export interface ProbeReport {
  /** Why the process should not be given work now; empty: it is ready. */
  readonly unready: readonly string[];
  /** In the text format of Prometheus; absent where nobody has asked. */
  readonly metrics?: string;
}

/** From the thread: the port that it listens on, why it cannot, or that somebody wants metrics. */
export type ProbeNotice =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'metrics' };
