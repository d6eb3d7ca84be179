import { ReeveError } from '../../core/errors.ts';
import { isConnectionError } from '../../executions/sql-state.ts';
import type { Connection } from '../../executions/connection.ts';
import type { FinishAnswer } from '../../executions/finish-step.ts';
import type { ReadyStep } from '../../executions/sql/advance-steps.ts';
import { SandboxEnded } from '../../moo/sandbox/sandbox-child.ts';
import type { VerbRuntime } from '../../moo/runtime.ts';
import { errorMark, runCommandLine } from '../../moo/tasks/run-command.ts';
import { runCode } from '../../moo/tasks/run-code.ts';
import { runTask, TaskLost, type TaskRequest } from '../../moo/tasks/run-task.ts';
import { runInvocation } from '../../moo/tasks/run-verb.ts';
import type { VerbInvocation } from '../../moo/tasks/scheduling.ts';
import { InternalVerbError, verbErrorOf, type VerbTask } from '../../moo/tasks/verb-task.ts';
import { World } from '../../moo/world/world.ts';
import type { HandlerAnswer, StepHandler, StepRun } from '../../tasks/step-handler.ts';
import { validateInput } from '../../tasks/standard-schema.ts';
import { handOnTurn, PlayerTurns } from './player-turns.ts';
import {
  invokeVerb,
  parseCode,
  parseCommand,
  type CodeInput,
  type CommandInput,
  type InvokeInput,
} from './verb-tasks.ts';

/** How long a command waits when the end of the one before it was not noticed. */
const turnDelayMs = 250;

/** The handlers of the three tasks, for one Reeve. */
export function verbHandlers(runtime: VerbRuntime): Map<string, StepHandler> {
  const turns = new PlayerTurns();
  return new Map<string, StepHandler>([
    [parseCommand.name, (run) => handleCommand(runtime, turns, run)],
    [parseCode.name, (run) => handleCode(runtime, run)],
    [invokeVerb.name, (run) => handleInvocation(runtime, run)],
  ]);
}

/** An earlier command of the same player has not ended. */
class NotYourTurn extends Error {}

async function handleCommand(runtime: VerbRuntime, turns: PlayerTurns, run: StepRun): Promise<HandlerAnswer> {
  const { caller, line } = (await validateInput(parseCommand.inputSchema, run.args, 'parseCommand')) as CommandInput;
  const { executionId } = run.context;
  return turns.inTurn(caller, async () => {
    let isAwaited = false;
    const atEnd = async (connection: Connection): Promise<readonly ReadyStep[]> =>
      turns.wasSentBack(caller) || isAwaited ? handOnTurn(connection, caller) : [];
    const whose = { player: caller, account: caller, root: executionId, hops: 0, atEnd };
    try {
      return await runStep(runtime, run, whose, async (task) => {
        const turn = await task.world.loadNearby(caller, executionId, runtime.learned.owners);
        if (turn.hasEarlier) throw new NotYourTurn();
        isAwaited = turn.hasLater;
        if (await isGone(task, run, [caller])) return { output: [], exitStatus: 0, skipped: true };
        return runCommandLine(task, caller, line);
      });
    } catch (error) {
      if (!(error instanceof NotYourTurn)) throw error;
      turns.sendBack(caller);
      return { kind: 'again', delayMs: turnDelayMs, poll: run.step.poll };
    }
  });
}

async function handleCode(runtime: VerbRuntime, run: StepRun): Promise<HandlerAnswer> {
  const { caller, source, mode } = (await validateInput(parseCode.inputSchema, run.args, 'parseCode')) as CodeInput;
  const whose = { player: caller, account: caller, root: run.context.executionId, hops: 0 };
  return runStep(runtime, run, whose, async (task) => {
    if (await isGone(task, run, [caller])) return { output: [], result: null, skipped: true };
    return runCode(task, caller, source, mode ?? 'exec');
  });
}

async function handleInvocation(runtime: VerbRuntime, run: StepRun): Promise<HandlerAnswer> {
  const input = (await validateInput(invokeVerb.inputSchema, run.args, 'invokeVerb')) as InvokeInput;
  const { executionId } = run.context;
  const invocation: VerbInvocation = {
    player: null,
    args: [],
    kwargs: {},
    callback: null,
    account: input.player ?? input.caller,
    root: executionId,
    hops: 0,
    periodic: false,
    ...input,
  };
  const { caller, player, account, root, hops } = invocation;
  const deliver = (line: string): void => {
    if (player === null) run.context.logger.info({ event: 'verb.output', task: executionId }, line);
    else tell(runtime, { player, body: line, kind: 'text', verb: invocation.verb });
  };
  return runStep(runtime, run, { player, account, root, hops, deliver }, async (task) => {
    const needed = [caller, ...(player === null ? [] : [player]), invocation.this];
    if (await isGone(task, run, needed)) return { result: null, skipped: true };
    return runInvocation(task, invocation);
  });
}

async function isGone(task: VerbTask, run: StepRun, ids: readonly number[]): Promise<boolean> {
  const found = await task.world.load(ids);
  const missing = ids.filter((id) => !found.some((row) => row.id === id));
  if (missing.length === 0) return false;
  const names = missing.map((id) => `#${id}`).join(', ');
  run.context.logger.warn({ event: 'verb.skipped', missing }, `skipped, because ${names} is gone`);
  return true;
}

type Whose = Pick<TaskRequest, 'player' | 'account' | 'root' | 'hops'> & {
  readonly deliver?: (line: string) => void;
  /** The last statements of its transaction; answers the steps that they have made ready. */
  readonly atEnd?: (connection: Connection) => Promise<readonly ReadyStep[]>;
};

/** From the claim of the step to its completion, which is stored in the commit of the task. */
async function runStep(
  runtime: VerbRuntime,
  run: StepRun,
  whose: Whose,
  work: (task: VerbTask) => Promise<unknown>,
): Promise<HandlerAnswer> {
  const { signal, logger, executionId } = run.context;
  try {
    const finish = await runTask<FinishAnswer>(runtime, { ...whose, taskId: executionId, signal, logger }, work, {
      async complete({ connection }, result) {
        const answer = await run.complete(connection, result);
        if (answer.kind === 'stale') return undefined;
        const ready = (await whose.atEnd?.(connection)) ?? [];
        return { ...answer, ready: [...answer.ready, ...ready] };
      },
      isCompleted: () => run.isCompleted(),
    });
    return { kind: 'completed', finish };
  } catch (error) {
    if (error instanceof TaskLost) return { kind: 'completed', finish: { kind: 'stale' } };
    if (signal.aborted) throw signal.reason;
    throw await reported(runtime, run, whose, error);
  }
}

/** What the execution fails with, after the player or the log was told. */
async function reported(runtime: VerbRuntime, run: StepRun, whose: Whose, error: unknown): Promise<unknown> {
  if (isConnectionError(error)) {
    return new ReeveError('LEDGER_UNAVAILABLE', 'the world does not answer', { retryable: true, cause: error });
  }
  const failure = failureOf(runtime, error);
  if (failure === undefined) return error;
  const isCode = run.step.task === parseCode.name;
  const line = `${errorMark}${await lineOf(runtime, whose.player, error, failure)}`;
  if (isCode && !(error instanceof SandboxEnded)) return failure;
  if (whose.player === null) run.context.logger.info({ event: 'verb.output', task: run.context.executionId }, line);
  else tell(runtime, { player: whose.player, body: line, kind: 'error', verb: null });
  await runtime.messages.flushed();
  return failure;
}

function failureOf(runtime: VerbRuntime, error: unknown): ReeveError | undefined {
  if (error instanceof SandboxEnded) {
    const seconds = runtime.options.limits.timeLimitMs / 1_000;
    if (error.cause === 'time') return new ReeveError('VERB_TIMED_OUT', `Task exceeded its time limit (${seconds} s).`);
    if (error.cause === 'cpu') return new ReeveError('VERB_TIMED_OUT', 'Task used up its processor time.');
    if (error.cause === 'memory') return new ReeveError('VERB_KILLED', 'Task used too much memory.');
    return new ReeveError('VERB_KILLED', `Task was ended: ${error.message}`);
  }
  const known = verbErrorOf(error);
  if (known !== undefined) return new ReeveError('VERB_FAILED', `${known.name}: ${known.message}`);
  if (error instanceof InternalVerbError) return new ReeveError('VERB_FAILED', error.message || 'the verb threw');
  return undefined;
}

/** A mistake inside a verb is told in words only to wizards. */
async function lineOf(
  runtime: VerbRuntime,
  player: number | null,
  error: unknown,
  failure: ReeveError,
): Promise<string> {
  if (error instanceof SandboxEnded) return failure.message;
  const known = verbErrorOf(error);
  if (known !== undefined) return `${known.name === 'PermissionError' ? 'PermissionError: ' : ''}${known.message}`;
  const general = 'An error occurred while executing the verb.';
  const row = player === null ? undefined : await new World(runtime.pool).find(player);
  return row?.isWizard === true ? `${general} ${failure.message}` : general;
}

function tell(
  runtime: VerbRuntime,
  line: {
    readonly player: number;
    readonly body: string;
    readonly kind: 'text' | 'error';
    readonly verb: string | null;
  },
): void {
  const { player, body, kind, verb } = line;
  runtime.messages.write({
    player,
    kind,
    body,
    provenance: { origin: null, verb, owner: null, player },
    account: null,
  });
}
