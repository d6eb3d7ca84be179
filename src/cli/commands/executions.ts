import { Option, type Command } from 'commander';
import type { StepView } from '../../executions/read-executions.ts';
import { executionStates, type ExecutionState } from '../../executions/states.ts';
import type { Reeve } from '../../reeve.ts';
import { executionsTable, executionText } from '../execution-text.ts';
import { findExecutionId } from '../find-execution-id.ts';
import { addGlobalOptions } from '../global-options.ts';
import { parseCount, parseResource } from '../parse-values.ts';
import { printJson, printLine } from '../terminal.ts';
import { connect, withApp } from '../with-app.ts';

interface ListOptions {
  readonly state?: ExecutionState;
  readonly executor?: string;
  readonly resource?: ReturnType<typeof parseResource>;
  readonly limit: number;
}

export function addExecutionsCommand(program: Command): Command {
  const executions = program.command('executions').description('Look at executions and their steps');
  addGlobalOptions(executions.command('list'))
    .description('Show the newest executions first')
    .addOption(new Option('--state <state>', 'only those in this state').choices(executionStates))
    .option('--executor <name>', 'only those of this executor')
    .option('--resource <type/id>', 'only those of this resource, or of this type', parseResource)
    .option('--limit <n>', 'how many at most, 1 to 1000', parseCount, 50)
    .addHelpText(
      'after',
      `
With --json: an array of ExecutionView, as reeve.executions() answers.

Examples:
  $ reeve executions list --state failed --limit 10
  $ reeve executions list --resource postgres.database/0198d2c4-6f0e-7c11-b1c5-5d0f5b0c7a10`,
    )
    .action(async ({ resource, ...filter }: ListOptions, command: Command) => {
      await withApp(command, async ({ reeve }, { json }) => {
        await connect(reeve);
        const found = await reeve.executions({ ...filter, ...resource });
        if (json) printJson(found);
        else printLine(executionsTable(found, Date.now()));
        return undefined;
      });
    });
  addGlobalOptions(executions.command('show'))
    .description('Show one execution: its steps, who ran them, what went wrong')
    .argument('<id>', 'an execution, or the beginning of its id where that is unique')
    .addHelpText(
      'after',
      `
With --json: an ExecutionView with "steps": [StepView with "attempts": [AttemptView]], as reeve.execution() answers.
Exit code 3 when there is no such execution.`,
    )
    .action(async (id: string, _options: unknown, command: Command) => {
      await withApp(command, async ({ reeve }, { json }) => {
        await connect(reeve);
        const execution = await reeve.execution(await findExecutionId(reeve, id));
        if (json) printJson(execution);
        else printLine(executionText(execution, await workersOf(reeve, execution.steps), Date.now()));
        return undefined;
      });
    });
  return executions;
}

/** Attempts name their worker once they have ended; for those under way the list of workers tells. */
async function workersOf(reeve: Reeve, steps: readonly StepView[]): Promise<ReadonlyMap<string, string>> {
  if (!steps.some(({ state }) => state === 'running')) return new Map();
  const { workers } = await reeve.status();
  return new Map(workers.map(({ id, host, pid }) => [id, `${host}/${pid}`]));
}
