export interface Interruption {
  readonly signal: AbortSignal;
  /** Set once a signal came: what the process ends with. */
  readonly exitCode: number | undefined;
  release(): void;
}

/** npm passes a Ctrl+C on that the terminal has sent to the whole group already: what comes at once is the same one. */
const sameSignalMs = 1_000;
const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Turns the first Ctrl+C into an abort, after which everything is stopped and removed in order. The second one ends the
 * process at once; the server and the workers then end by themselves, since their channel to it closes.
 */
export function interruption(): Interruption {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let firstAt = 0;
  const handlers = Object.entries(exitCodes).map(([name, code]) => {
    const handler = (): void => {
      if (exitCode !== undefined) {
        if (performance.now() - firstAt > sameSignalMs) process.exit(code);
        return;
      }
      exitCode = code;
      firstAt = performance.now();
      process.stderr.write(`\n${name}: stopping in order; once more to stop at once\n`);
      controller.abort(new Error(`stopped by ${name}`));
    };
    process.on(name, handler);
    return { name, handler };
  });
  // Whoever read the output has gone, as `head` does.
  const onOutputError = (): void => controller.abort(new Error('the reader of the output has gone'));
  process.stdout.on('error', onOutputError);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    release() {
      for (const { name, handler } of handlers) process.off(name, handler);
      process.stdout.off('error', onOutputError);
    },
  };
}
