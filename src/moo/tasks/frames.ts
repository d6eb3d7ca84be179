import type { VerbRow } from '../world/rows.ts';

/** One running verb, or code of an eval. The top frame alone may ask the host for anything. */
export interface Frame {
  readonly id: number;
  readonly self: number | null;
  readonly verb: VerbRow | null;
  readonly verbName: string | null;
  /** The verb's owner, and above it whom `setTaskPerms` has put there; the last one counts. */
  readonly callers: number[];
  readonly previousCaller: number | null;
}

export function callerOf(frame: Frame): number {
  const caller = frame.callers.at(-1);
  if (caller === undefined) throw new Error('a frame always has a caller');
  return caller;
}
