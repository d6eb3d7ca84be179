import type { Command } from 'commander';
import path from 'node:path';
import { runConsole } from '../moo/console.ts';
import { answerLines } from '../moo/answer-text.ts';
import { harmless, printJson, printLine } from '../terminal.ts';
import { connect, withApp } from '../with-app.ts';

interface AsOptions {
  readonly as: string;
  /** Commander's word for `--no-worker`. */
  readonly worker: boolean;
}

/** The world of verbs, for people: make it, load verbs into it, play in it. */
export function addMooCommand(program: Command): Command {
  const moo = program.command('moo').description('Make, load and play the world that verbs live in');
  moo
    .command('init')
    .description('Make the first objects and verbs; harmless when they are there')
    .action(async (_options: object, command: Command) => {
      await withApp(command, async ({ reeve }, { json }) => {
        await connect(reeve);
        const report = await reeve.world.init();
        if (json) printJson(report);
        else
          printLine(
            `${report.added.length} verbs added, ${report.updated.length} updated, ${report.unchanged.length} unchanged`,
          );
        return undefined;
      });
    });
  moo
    .command('load <folder>')
    .description('Load the verb files below a folder (first line: #!moo verb NAMES --on OBJECT)')
    .action(async (folder: string, _options: object, command: Command) => {
      await withApp(command, async ({ reeve }, { json }) => {
        await connect(reeve);
        const report = await reeve.world.load(path.resolve(folder));
        if (json) printJson(report);
        else {
          for (const file of report.added) printLine(`added    ${harmless(file)}`);
          for (const file of report.updated) printLine(`updated  ${harmless(file)}`);
          printLine(`${report.unchanged.length} unchanged`);
        }
        return undefined;
      });
    });
  moo
    .command('run <line>')
    .description('Run one line as a player; the exit code is that of the command')
    .requiredOption('--as <player>', 'name, #id or account')
    .option('--no-worker', 'leave the work to a worker that runs elsewhere')
    .action(async (line: string, { as, worker }: AsOptions, command: Command) => {
      await withApp(command, async ({ reeve }, { json }) => {
        await connect(reeve);
        const player = await reeve.world.avatar(as);
        if (worker) await reeve.startWorker({ queues: ['verbs'] });
        const answer = await reeve.world.line(player.id, line);
        if (json) printJson(answer);
        else for (const each of answerLines(answer)) printLine(harmless(each));
        return answer.exitStatus;
      });
    });
  moo
    .command('console')
    .description('A prompt: commands, ;expression, ;;statements; shows live what the player is told')
    .requiredOption('--as <player>', 'name, #id or account')
    .option('--no-worker', 'leave the work to a worker that runs elsewhere')
    .action(async ({ as, worker }: AsOptions, command: Command) => {
      await withApp(command, async ({ reeve }) => {
        await connect(reeve);
        const player = await reeve.world.avatar(as);
        if (worker) {
          await reeve.startWorker({ queues: ['verbs'] });
          await reeve.startBeat();
        }
        await runConsole(reeve, player);
        return undefined;
      });
    });
  return moo;
}
