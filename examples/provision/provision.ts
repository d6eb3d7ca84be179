import type { Server } from './entities.ts';
import { ownerOf, type AskedDatabase } from './manifest-schema.ts';
import { askCreation, askFollowUp, wordsOf } from './operations.ts';
import reeve from './reeve.config.ts';

/** One operation that was started, and how it ended; `state` is undefined while it is under way. */
export interface Operation {
  readonly executionId: string;
  readonly done: string;
  state?: 'succeeded' | 'failed' | 'canceled';
  error?: { readonly code: string; readonly message: string };
}

/** What became of one database of the manifest. */
export interface Journey {
  readonly asked: AskedDatabase;
  /** The id of its row; undefined before it was asked for. */
  id?: string;
  readonly operations: Operation[];
}

const longestWait = '10m';

/**
 * Asks for every database at once, and for what comes after as soon as the operation before has ended well.
 *
 * A database that gives privileges to the owner of another one is asked for once that one was created.
 */
export async function provisionAll(journeys: readonly Journey[], server: Server, signal: AbortSignal): Promise<void> {
  const created = new Map<string, Promise<void>>();
  const ends = journeys.map((journey) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const needed = journey.asked.grants.flatMap((grant) => created.get(grant.to) ?? []);
    created.set(ownerOf(journey.asked), promise);
    return provision(journey, { server, signal, needed, onCreated: resolve }).finally(resolve);
  });
  const results = await Promise.allSettled(ends);
  signal.throwIfAborted();
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

interface Surroundings {
  readonly server: Server;
  readonly signal: AbortSignal;
  readonly needed: readonly Promise<void>[];
  readonly onCreated: () => void;
}

async function provision(journey: Journey, { server, signal, needed, onCreated }: Surroundings): Promise<void> {
  await Promise.all(needed);
  signal.throwIfAborted();
  const { id, executionId } = await askCreation(journey.asked, server);
  journey.id = id;
  const isCreated = await followToEnd(journey, { executionId, done: 'created' }, signal);
  onCreated();
  if (!isCreated) return;
  for (const followUp of journey.asked.afterwards) {
    signal.throwIfAborted();
    const started = await askFollowUp(id, followUp);
    const operation = { executionId: started.executionId, done: wordsOf(followUp).done };
    if (!(await followToEnd(journey, operation, signal))) return;
  }
}

/** Whether the operation ended well. */
async function followToEnd(journey: Journey, operation: Operation, signal: AbortSignal): Promise<boolean> {
  journey.operations.push(operation);
  const stopped = Promise.withResolvers<never>();
  const onAbort = (): void => stopped.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const { state, error } = await Promise.race([
      reeve.result(operation.executionId, { timeout: longestWait }),
      stopped.promise,
    ]);
    operation.state = state;
    if (error !== null) operation.error = { code: error.code, message: error.message };
    return state === 'succeeded';
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
