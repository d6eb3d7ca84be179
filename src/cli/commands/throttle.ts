import type { Command } from 'commander';
import type { Duration } from '../../core/duration.ts';
import type { OperatorOptions } from '../../executions/operator.ts';
import type { ThrottleView } from '../../executions/sql/list-throttles.ts';
import { addGlobalOptions } from '../global-options.ts';
import { addOperatorOptions, operatorOptions } from '../operator-options.ts';
import { table } from '../tables.ts';
import { harmless, printJson, printLine } from '../terminal.ts';
import { connect, withApp } from '../with-app.ts';

interface SetOptions extends OperatorOptions {
  readonly for?: Duration;
}

export function addThrottleCommand(program: Command): Command {
  const throttle = program.command('throttle').description('List the limits, and change them while work is under way');
  const list = throttle
    .command('list', { isDefault: true })
    .description('Show every key with its limit, holders and waiters');
  addGlobalOptions(list).action(async () => {
    await withApp(list, async ({ reeve }, { json }) => {
      await connect(reeve);
      const found = await reeve.throttles.list();
      if (json) printJson(found);
      else if (found.length === 0) printLine('nobody has asked for a permit yet');
      else printLine(table(['key', 'limit', 'held', 'waiting', ''], found.map(rowOf)));
      return undefined;
    });
  });
  const set = throttle
    .command('set <key> <limit>')
    .description('Override the limit of a key; those who wait react at once, a lowered limit drains')
    .option('--for <duration>', 'how long, such as 30m (default: until it is reset)');
  addGlobalOptions(addOperatorOptions(set)).action(async (key: string, limit: string, options: SetOptions) => {
    await withApp(set, async ({ reeve }, { json }) => {
      await connect(reeve);
      const duration = options.for === undefined ? {} : { for: options.for };
      const view = await reeve.throttles.set(key, { limit: Number(limit), ...duration, ...operatorOptions(options) });
      show(view, json);
      return undefined;
    });
  });
  const reset = throttle.command('reset <key>').description('Take an override back');
  addGlobalOptions(addOperatorOptions(reset)).action(async (key: string, options: OperatorOptions) => {
    await withApp(reset, async ({ reeve }, { json }) => {
      await connect(reeve);
      show(await reeve.throttles.reset(key, operatorOptions(options)), json);
      return undefined;
    });
  });
  return throttle;
}

function show(view: ThrottleView, json: boolean): void {
  if (json) printJson(view);
  else printLine(harmless(`${view.key}: limit ${view.limit}, ${view.held} held, ${view.waiting} waiting`));
}

function rowOf({ key, limit, held, waiting, override }: ThrottleView): string[] {
  const until = override?.until === null || override === null ? '' : ` until ${override.until.toISOString()}`;
  const by = override?.by === null || override === null ? '' : ` by ${override.by}`;
  const text = override === null ? '' : `overridden${by}${until}`;
  return [harmless(key), String(limit), String(held), String(waiting), harmless(text)];
}
