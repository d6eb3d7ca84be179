import type { Command } from 'commander';
import type { Explanation } from '../../executions/explain.ts';
import { findExecutionId } from '../find-execution-id.ts';
import { clip, harmless, printJson, printLine, styled } from '../terminal.ts';
import { connect, withApp } from '../with-app.ts';

export function addWhyCommand(program: Command): Command {
  return program
    .command('why')
    .description('Tell what an execution or a resource waits for, with evidence')
    .argument('<id>', 'an execution, the beginning of its id where that is unique, or a resource as type/id')
    .addHelpText(
      'after',
      `
With --json: {"executionId", "executor", "state", "resource", "chain": [{"kind", "text", "position", "evidence"}]}, as
reeve.why() answers. Exit code 3 when there is no such execution or resource.

Examples:
  $ reeve why 0198d2c4
  $ reeve why postgres.database/0198d2c4-6f0e-7c11-b1c5-2a4b6c8d0e1f`,
    )
    .action(async (text: string, _options: unknown, command: Command) => {
      await withApp(command, async ({ reeve }, { json }) => {
        await connect(reeve);
        const target = text.includes('/') ? text : await findExecutionId(reeve, text);
        const explanation = await reeve.why(target);
        if (json) printJson(explanation);
        else printLine(explanationText(explanation));
        return undefined;
      });
    });
}

function explanationText({ chain, executionId, executor, state }: Explanation): string {
  const head = executionId === null ? [] : [harmless(`${executor} ${executionId} is ${state}`)];
  const lines = chain.map(({ kind, text }) => `${styled('bold', kind.padEnd(12))} ${clip(text, 1_000)}`);
  return [...head, ...lines].join('\n');
}
