import { ReeveError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest-name.ts';
import { UsageError } from './exit-codes.ts';

export interface QueueChoice {
  /** The only queues that are served. Absent: all that are configured. */
  readonly queues?: readonly string[] | undefined;
  readonly excluded?: readonly string[] | undefined;
  /** For the queues that are named. */
  readonly concurrency?: number | undefined;
}

/**
 * The queues that a worker serves, with their concurrency.
 *
 * @throws QUEUE_UNKNOWN with the nearest name, or UsageError when no queue is left or a concurrency has no queue.
 */
export function chooseQueues(
  choice: QueueChoice,
  configured: Readonly<Record<string, number>>,
): Record<string, number> {
  const known = Object.keys(configured);
  const { queues, excluded = [], concurrency } = choice;
  for (const name of [...(queues ?? []), ...excluded]) {
    if (known.includes(name)) continue;
    const message = `queue "${name}" is not configured${didYouMean(name, known)}; there are ${known.join(', ')}`;
    throw new ReeveError('QUEUE_UNKNOWN', message, { details: { queue: name, queues: known } });
  }
  if (concurrency !== undefined && queues === undefined) {
    throw new UsageError('-c is for the queues that -Q names', 'Name them: reeve worker -Q heavy -c 2');
  }
  const chosen = (queues ?? known).filter((name) => !excluded.includes(name));
  if (chosen.length === 0) throw new UsageError('no queue is left to serve', 'Name fewer queues with -X.');
  return Object.fromEntries(chosen.map((name) => [name, concurrency ?? configured[name] ?? 1]));
}
