import type { VerbErrorName } from '../sandbox/sdk.ts';

/** An error that verbs may see, by class and message; everything else is told to them as an internal error. */
export class VerbError extends Error {
  override readonly name: VerbErrorName;

  constructor(name: VerbErrorName, message: string) {
    super(message);
    this.name = name;
  }
}

/** What another transaction changed since this task read it: the task is run again, or refused where it has spoken. */
export class WorldConflict extends Error {}

export function userError(message: string): VerbError {
  return new VerbError('UserError', message);
}

export function permissionError(message: string): VerbError {
  return new VerbError('PermissionError', message);
}
