import type { Command } from 'commander';
import type { QueueName } from '../../core/queue-names.ts';
import type { OperatorOptions } from '../../executions/operator.ts';
import { addGlobalOptions } from '../global-options.ts';
import { addOperatorOptions, operatorOptions } from '../operator-options.ts';
import { harmless, printJson, printLine } from '../terminal.ts';
import { connect, withApp } from '../with-app.ts';

const jsonHelp = '\nWith --json: {"queue", "paused", "changed"}. Exit code 2 when there is no such queue.';

export function addControlCommand(program: Command): Command {
  const control = program.command('control').description('Hold queues, and let them go on');
  for (const action of ['pause', 'resume'] as const) {
    const command = control
      .command(action)
      .description(
        action === 'pause'
          ? 'Nothing more of a queue is claimed, by any worker, until it is resumed; kept in the ledger'
          : 'Let a paused queue go on; all that is ready in it is published again',
      )
      .argument('<queue>', 'its name')
      .addHelpText('after', `${jsonHelp}\nFor one execution: reeve ${action} <id>.`);
    addGlobalOptions(addOperatorOptions(command)).action(async (queue: QueueName, options: OperatorOptions) => {
      await withApp(command, async ({ reeve }, { json }) => {
        await connect(reeve);
        const words = operatorOptions(options);
        const answer =
          action === 'pause' ? await reeve.pauseQueue(queue, words) : await reeve.resumeQueue(queue, words);
        if (json) printJson(answer);
        else printLine(harmless(`queue ${queue} ${answer.changed ? 'is' : 'was already'} ${action}d`));
        return undefined;
      });
    });
  }
  return control;
}
