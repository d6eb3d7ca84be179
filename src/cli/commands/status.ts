import type { Command } from 'commander';
import { formatMs } from '../../core/duration.ts';
import type { QueueStatus, ReeveStatus, WorkerStatus } from '../../executions/read-status.ts';
import { table } from '../tables.ts';
import { harmless, printJson, printLine, styled } from '../terminal.ts';
import { connect, withApp } from '../with-app.ts';

export function addStatusCommand(program: Command): Command {
  return program
    .command('status')
    .description('Show the depth of each queue and the workers that live')
    .addHelpText(
      'after',
      `
A queue that has work but no worker is marked with "!".
With --json: {"queues": [QueueStatus], "workers": [WorkerStatus], "executions": {state: count}}, as reeve.status() answers.`,
    )
    .action(async (_options: unknown, command: Command) => {
      await withApp(command, async ({ reeve }, { json }) => {
        await connect(reeve);
        const status = await reeve.status();
        if (json) printJson(status);
        else printLine(statusText(status, Date.now()));
        return undefined;
      });
    });
}

/** The status as people read it. */
export function statusText({ queues, workers, executions }: ReeveStatus, now: number): string {
  const queueTable = table(
    ['queue', 'ready', 'running', 'delayed', 'workers', 'oldest ready', ''],
    queues.map(queueRow),
  );
  const workerTable =
    workers.length === 0
      ? 'no worker lives; start one with "reeve worker"'
      : table(
          ['worker', 'state', 'queues', 'running', 'seen', 'version'],
          workers.map((worker) => workerRow(worker, now)),
        );
  const counts = Object.entries(executions).map(([state, count]) => `${count} ${state}`);
  const summary = counts.length === 0 ? 'no execution is under way' : `executions: ${counts.join(', ')}`;
  return [queueTable, '', workerTable, '', summary].join('\n');
}

function queueRow(queue: QueueStatus): string[] {
  const hasWork = queue.ready + queue.running + queue.delayed > 0;
  const marks = [
    hasWork && queue.workers === 0 ? styled('red', '! work but no worker') : '',
    queue.pausedAt === null ? '' : styled('yellow', harmless(pauseText(queue))),
  ];
  return [
    queue.name,
    String(queue.ready),
    String(queue.running),
    String(queue.delayed),
    String(queue.workers),
    queue.ready === 0 ? '–' : formatMs(queue.oldestReadyMs),
    marks.filter((mark) => mark !== '').join(' '),
  ];
}

function pauseText({ pausedBy, pausedReason }: QueueStatus): string {
  return `paused${pausedBy === null ? '' : ` by ${pausedBy}`}${pausedReason === null ? '' : `: ${pausedReason}`}`;
}

function workerRow(worker: WorkerStatus, now: number): string[] {
  const queues = Object.entries(worker.queues).map(([name, concurrency]) => `${name} ×${concurrency}`);
  return [
    harmless(`${worker.host}/${worker.pid}`),
    worker.state,
    harmless(queues.join(', ')),
    String(worker.running),
    `${formatMs(Math.max(0, now - worker.heartbeatAt.getTime()))} ago`,
    harmless(worker.version),
  ];
}
