/**
 * What swc makes of `await using` names this class when both the body and the disposal of a test fail, but does not
 * define it (@swc/core 1.16.22): without it the failure of the body, which is the one that matters, would be hidden.
 */
class BothFailed extends Error {
  constructor(disposal: unknown, body: unknown) {
    const text = (error: unknown): string => (Error.isError(error) ? (error.stack ?? error.message) : String(error));
    super(`${text(body)}\n\nand the disposal failed as well:\n${text(disposal)}`);
    this.name = 'SuppressedError';
  }
}

Object.assign(globalThis, { _SuppressedError: BothFailed });
