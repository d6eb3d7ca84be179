import { isConflictError } from '../../executions/sql-state.ts';
import { commandNames, dispatch, parseCommandText, type ParsedCommand } from '../parser/dispatch.ts';
import { splitLine } from '../parser/split.ts';
import type { Roles } from '../world/learned-names.ts';
import { systemId } from '../world/rows.ts';
import { SandboxEnded } from '../sandbox/sandbox-child.ts';
import { VerbError, WorldConflict } from '../world/verb-error.ts';
import { verbSubject } from '../world/world.ts';
import { InternalVerbError, verbErrorOf, type VerbTask } from './verb-task.ts';

export interface CommandResult {
  readonly output: readonly string[];
  readonly exitStatus: 0 | 1;
}

/** How an error line begins, for consoles that show colours and for people who read raw output. */
export const errorMark = '[error] ';

/**
 * Runs the commands of one line, each behind a savepoint: the first that fails leaves no trace but its error line and
 * ends the line; what the ones before it did and printed stays.
 */
export async function runCommandLine(task: VerbTask, player: number, line: string): Promise<CommandResult> {
  const { output } = task.setting;
  if (line.trim() === '') return { output: [], exitStatus: 0 };
  const { connection } = task.world;
  for (const [index, fragment] of splitLine(line).entries()) {
    if (index > 0) await connection.query('SAVEPOINT fragment');
    try {
      await runFragment(task, player, fragment);
      task.checkFailure();
      if (index > 0) await connection.query('RELEASE SAVEPOINT fragment');
    } catch (thrown) {
      const error = task.causeOf(thrown);
      if (isFinal(error, task)) throw error;
      // Before the first fragment nothing was written, so that its savepoint is the beginning of the transaction.
      await connection.query(index > 0 ? 'ROLLBACK TO SAVEPOINT fragment' : 'ROLLBACK; BEGIN');
      task.world.forget();
      for (const text of await errorLines(task, player, error, 'command')) output.print(text);
      return { output: output.lines, exitStatus: 1 };
    }
  }
  return { output: output.lines, exitStatus: 0 };
}

/** What ends the whole task: the sandbox is gone, or the transaction has to be run again. */
function isFinal(error: unknown, task: VerbTask): boolean {
  if (error instanceof SandboxEnded) return true;
  const isConflict = isConflictError(error) || error instanceof WorldConflict;
  return isConflict && !task.hasSpoken;
}

async function runFragment(task: VerbTask, player: number, fragment: string): Promise<void> {
  const { world } = task;
  const parsed = await parseCommandText(world, player, fragment);
  task.parsed = parsed;
  const { words } = parsed.command;
  const { room } = parsed.around;
  await prefetch(task, parsed);
  const doCommand = await world.member(systemId, 'do_command');
  if (doCommand.verbs.length > 0) {
    const handled = await task.callVerb(player, { self: systemId, name: 'do_command' }, [...words]);
    if (handled !== null && handled !== false && handled !== 0 && handled !== '') return;
  }
  const found = await dispatch(world, parsed).catch(async (error: unknown) => {
    const isUnknown = error instanceof VerbError && ['NoSuchVerbError', 'NoSuchObjectError'].includes(error.name);
    if (!isUnknown || room === undefined) throw error;
    const [huh] = (await world.member(room.id, 'huh')).verbs;
    if (huh === undefined) throw error;
    return { self: room.id, word: 'huh', verb: huh };
  });
  await world.require(player, 'execute', verbSubject(found.verb));
  await task.runVerb(found.verb, { self: found.self, name: found.word }, []);
  if (room === undefined) return;
  const turn = await world.member(room.id, 'turnfunc');
  if (turn.verbs.length > 0) await task.callVerb(player, { self: room.id, name: 'turnfunc' }, []);
}

/** Reads in one statement what the command needs, and what others with its first word have asked for. */
async function prefetch(task: VerbTask, parsed: ParsedCommand): Promise<void> {
  const { world, setting } = task;
  const { player, room } = parsed.around;
  const word = parsed.command.words[0] ?? '';
  const roles: Roles = new Map([
    ...(parsed.dobj?.object ? [[parsed.dobj.object.id, 'dobj'] as const] : []),
    ...(room === undefined ? [] : [[room.id, 'room'] as const]),
    [player.id, 'player'],
    [systemId, 'system'],
  ]);
  const places = room === undefined ? [] : [room.id];
  const expected = setting.learned.expected(word, roles);
  await world.prefetch([
    { id: systemId, name: 'do_command' },
    ...places.flatMap((id) => [
      { id, name: 'turnfunc' },
      { id, name: 'huh' },
    ]),
    ...commandNames(parsed),
    ...expected,
  ]);
  task.expectsContents = (id) => expected.some((each) => each.id === id && each.name === 'contents');
  world.onMissed = (missed) => setting.learned.learn(word, roles, missed);
}

/** What the player reads: the words of a UserError, nothing of a mistake inside a verb unless he is a wizard. */
async function errorLines(
  task: VerbTask,
  player: number | null,
  error: unknown,
  what: 'command' | 'verb',
): Promise<string[]> {
  const known = verbErrorOf(error);
  if (known !== undefined) {
    const prefix = known.name === 'PermissionError' ? 'PermissionError: ' : '';
    return [`${errorMark}${prefix}${known.message}`];
  }
  const lines = [`${errorMark}An error occurred while executing the ${what}.`];
  const isWizard = player !== null && (await task.world.find(player))?.isWizard === true;
  if (!(error instanceof InternalVerbError)) {
    task.setting.logger.error({ event: 'verb.error', err: error }, `a ${what} failed by an internal error`);
  } else if (isWizard) {
    lines.push(error.verbStack === '' ? error.message : withoutPrelude(error.verbStack));
  }
  return lines;
}

function withoutPrelude(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => !line.includes('reeve:prelude'))
    .map((line) => line.replace('Proxy.<anonymous> ', ''))
    .join('\n');
}
