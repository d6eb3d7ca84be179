import type { Logger } from '../../core/logging.ts';
import { isStalePlan } from '../../executions/prepared-statement.ts';
import { isConflictError } from '../../executions/sql-state.ts';
import { SandboxEnded } from '../sandbox/sandbox-child.ts';
import type { VerbRuntime } from '../runtime.ts';
import { World } from '../world/world.ts';
import { WorldConflict } from '../world/verb-error.ts';
import { WorldCommitUnknown, type WorldTransaction } from '../world-pool.ts';
import { answer } from './answer.ts';
import { TaskOutput } from './output.ts';
import { VerbTask } from './verb-task.ts';

export interface TaskRequest {
  readonly taskId: string;
  readonly player: number | null;
  readonly account: number;
  readonly root: string;
  readonly hops: number;
  /** Where printed lines go at once; without it they are kept for the result. */
  readonly deliver?: (line: string) => void;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** What a step of the engine gives a task to end with. */
export interface TaskEnding<Finish> {
  /** Writes the completion of the step into the transaction; undefined when the step is lost. */
  complete(transaction: WorldTransaction, result: unknown): Promise<Finish | undefined>;
  /** Whether that is stored, when the COMMIT was not answered. */
  isCompleted(): Promise<boolean>;
}

const mostRuns = 30;
const longestPauseMs = 50;

/** The step belongs to another worker by now; everything was rolled back. */
export class TaskLost extends Error {}

/**
 * One verb task, from BEGIN to COMMIT: the writes of its verbs, whatever they schedule, and the completion of its step
 * are one transaction. A deadlock, or a row that somebody else has changed, runs it again, unless it has told somebody
 * something already.
 *
 * @throws SandboxEnded for a limit that has killed it, and whatever `work` throws; nothing is committed then.
 */
export async function runTask<Finish>(
  runtime: VerbRuntime,
  request: TaskRequest,
  work: (task: VerbTask) => Promise<unknown>,
  ending: TaskEnding<Finish>,
): Promise<Finish> {
  for (let run = 1; ; run += 1) {
    const transaction = await runtime.pool.begin();
    let spoken = false;
    let scheduled = false;
    try {
      const result = await inSandbox(runtime, request, transaction, async (task) => {
        try {
          return await work(task);
        } catch (error) {
          throw task.causeOf(error);
        } finally {
          spoken = task.hasSpoken;
          scheduled = task.hasScheduled;
        }
      });
      const finish = await ending.complete(transaction, result);
      if (finish === undefined) throw new TaskLost('the step was taken over');
      await commit(transaction, ending);
      if (scheduled) runtime.options.scheduling.nudge();
      return finish;
    } catch (error) {
      const mayRunAgain =
        (isConflictError(error) || isStalePlan(error) || error instanceof WorldConflict) && !spoken && run < mostRuns;
      if (!mayRunAgain) throw error;
    } finally {
      await transaction.end();
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(longestPauseMs, 3 * run)));
  }
}

async function commit<Finish>(transaction: WorldTransaction, ending: TaskEnding<Finish>): Promise<void> {
  try {
    await transaction.commit();
  } catch (error) {
    const isStored = error instanceof WorldCommitUnknown && (await ending.isCompleted());
    if (!isStored) throw error;
  }
}

async function inSandbox<T>(
  runtime: VerbRuntime,
  request: TaskRequest,
  transaction: WorldTransaction,
  work: (task: VerbTask) => Promise<T>,
): Promise<T> {
  const { limits, folder, scheduling } = runtime.options;
  const sandbox = await runtime.sandbox();
  let task: VerbTask | undefined;
  const { child, end } = await sandbox.take(async (frame, text) => task?.host(frame, text) ?? '{"e":"Error","m":""}');
  const seconds = limits.timeLimitMs / 1_000;
  let isOver = false;
  const late = (): void => {
    if (!isOver) child.kill('time', `Task exceeded its time limit (${seconds} s).`);
  };
  // Where this process was held up itself, the answer of the child has come and only waits to be read.
  const timer = setTimeout(() => setImmediate(late), limits.timeLimitMs);
  const cancel = (): void => child.kill('canceled', 'the task was canceled');
  request.signal.addEventListener('abort', cancel);
  try {
    if (request.signal.aborted) throw new SandboxEnded('canceled', 'the task was canceled');
    task = new VerbTask({
      ...request,
      answer,
      world: new World(transaction.connection),
      child,
      limits,
      output: new TaskOutput(limits, request.deliver),
      messages: runtime.messages,
      learned: runtime.learned,
      scheduling,
      isLive: request.deliver !== undefined,
      folder,
      begun: Date.now(),
    });
    return await work(task);
  } finally {
    isOver = true;
    clearTimeout(timer);
    request.signal.removeEventListener('abort', cancel);
    end();
    await runtime.messages.flushed();
  }
}
