import type { Command } from 'commander';
import type { OperatorOptions } from '../../executions/operator.ts';
import type { Reeve } from '../../reeve.ts';
import { exitCodes, UsageError } from '../exit-codes.ts';
import { findExecutionId } from '../find-execution-id.ts';
import { addOperatorOptions, operatorOptions } from '../operator-options.ts';
import { parsePosition } from '../parse-values.ts';
import { printJson, printLine } from '../terminal.ts';
import { connect, withApp } from '../with-app.ts';

const idHelp = 'an execution, or the beginning of its id where that is unique';
const jsonHelp = '\nWith --json: {"executionId", "state"}. Exit code 3 when there is no such execution.';

/** What an operator does with one execution, and what is said about its new state. */
interface Operation {
  readonly run: (reeve: Reeve, executionId: string, options: OperatorOptions) => Promise<{ readonly state: string }>;
  readonly words: Readonly<Record<string, string>>;
  /** States that mean that it was not done. */
  readonly refusals?: readonly string[];
}

export function addRevokeCommand(program: Command): Command {
  const command = program
    .command('revoke')
    .description('Cancel an execution: nothing more of it starts, running steps are told to end')
    .argument('<id>', idHelp)
    .addHelpText('after', `${jsonHelp} Exit code 1 when it had ended, or begun to fail, before.`);
  return addOperatorOptions(command).action(async (id: string, options: OperatorOptions) => {
    await operate(command, id, options, {
      run: (reeve, executionId, words) => reeve.cancel(executionId, words),
      words: {
        canceled: 'is canceled',
        canceling: 'is canceled as soon as its running steps have ended',
        failing: 'was failing already; its running steps are told to end',
        failed: 'had failed before',
        succeeded: 'had succeeded before',
      },
      refusals: ['failing', 'failed', 'succeeded'],
    });
  });
}

export function addRetryCommand(program: Command): Command {
  const command = program
    .command('retry')
    .description('Let a failed or canceled execution go on at the steps that have not succeeded')
    .argument('<id>', idHelp)
    .addHelpText('after', jsonHelp);
  return addOperatorOptions(command).action(async (id: string, options: OperatorOptions) => {
    await operate(command, id, options, {
      run: (reeve, executionId, words) => reeve.retry(executionId, words),
      words: goesOn,
    });
  });
}

export function addSkipCommand(program: Command): Command {
  const command = program
    .command('skip')
    .description('Pass over a failed step, and let its execution go on behind it')
    .argument('<id>', idHelp)
    .argument('<step>', 'its number, as "reeve executions show" has it under #', parsePosition)
    .addHelpText('after', `${jsonHelp}\nThe result of the step is missing then: a later step that needs it fails.`);
  return addOperatorOptions(command).action(async (id: string, position: number, options: OperatorOptions) => {
    const { reason } = options;
    if (reason === undefined) throw new UsageError('a step is skipped only with a reason', 'Add --reason <text>.');
    await operate(command, id, options, {
      run: (reeve, executionId, words) => reeve.skip(executionId, position, { ...words, reason }),
      words: goesOn,
    });
  });
}

export function addPauseCommand(program: Command): Command {
  const command = program
    .command('pause')
    .description('Hold an execution: running steps end, nothing more of it starts')
    .argument('<id>', idHelp)
    .addHelpText('after', `${jsonHelp}\nFor a queue: reeve control pause <queue>.`);
  return addOperatorOptions(command).action(async (id: string, options: OperatorOptions) => {
    await operate(command, id, options, {
      run: (reeve, executionId, words) => reeve.pause(executionId, words),
      words: { paused: 'is paused' },
    });
  });
}

export function addResumeCommand(program: Command): Command {
  const command = program
    .command('resume')
    .description('Let a paused execution go on')
    .argument('<id>', idHelp)
    .addHelpText('after', `${jsonHelp}\nFor a queue: reeve control resume <queue>.`);
  return addOperatorOptions(command).action(async (id: string, options: OperatorOptions) => {
    await operate(command, id, options, {
      run: (reeve, executionId, words) => reeve.resume(executionId, words),
      words: goesOn,
    });
  });
}

const goesOn = {
  running: 'goes on',
  succeeded: 'had nothing left to do and has succeeded',
  failed: 'had nothing left to do and has failed',
};

async function operate(
  command: Command,
  id: string,
  options: OperatorOptions,
  { run, words, refusals = [] }: Operation,
): Promise<void> {
  await withApp(command, async ({ reeve }, { json }) => {
    await connect(reeve);
    const executionId = await findExecutionId(reeve, id);
    const { state } = await run(reeve, executionId, operatorOptions(options));
    if (json) printJson({ executionId, state });
    else printLine(`execution ${executionId} ${words[state] ?? `is ${state}`}`);
    return refusals.includes(state) ? exitCodes.failure : exitCodes.ok;
  });
}
