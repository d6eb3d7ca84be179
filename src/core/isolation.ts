/** Where the code of a step runs when not in its worker: in a thread of the worker's process, or in a process. */
export type IsolationKind = 'thread' | 'process';

export const isolationKinds: readonly string[] = ['thread', 'process'] satisfies readonly IsolationKind[];

/** On the global object, because an app may have another copy of this package than the one that has started the thread. */
const mark = Symbol.for('reeve.isolated');

/** Called once in a thread or process that runs isolated steps, before the app is imported. */
export function markIsolatedSide(): void {
  Object.defineProperty(globalThis, mark, { value: true });
}

/** Whether this is a thread or process that a worker has started for isolated steps. */
export function isIsolatedSide(): boolean {
  return mark in globalThis;
}
