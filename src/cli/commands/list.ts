import { Argument, type Command } from 'commander';
import type { ResolvedOptions } from '../../reeve-options.ts';
import { printJson, printLine, styled } from '../terminal.ts';
import { table } from '../tables.ts';
import { withApp } from '../with-app.ts';

type Row = Readonly<Record<string, string | number | readonly string[] | null>>;
type Kind = 'executors' | 'tasks' | 'queues' | 'resources';

const kinds: readonly Kind[] = ['executors', 'tasks', 'queues', 'resources'];

export function addListCommand(program: Command): Command {
  return program
    .command('list')
    .description('Show what the app has registered; no database is needed')
    .addArgument(new Argument('[what]', 'only one kind').choices([...kinds]))
    .addHelpText(
      'after',
      `
With --json: an array for one kind, else {"executors": […], "tasks": […], "queues": […], "resources": […]}.`,
    )
    .action(async (what: Kind | undefined, _options: unknown, command: Command) => {
      await withApp(command, async ({ reeve }, { json }) => {
        const registered = registeredIn(reeve.options);
        if (json) printJson(what === undefined ? registered : registered[what]);
        else
          printLine((what === undefined ? kinds : [what]).map((kind) => section(kind, registered[kind])).join('\n\n'));
        return undefined;
      });
    });
}

function registeredIn(options: ResolvedOptions): Record<Kind, readonly Row[]> {
  return {
    executors: options.executors.map(({ name, kind, version, priority, resource }) => {
      return { name, kind, resource: resource?.name ?? null, version, priority };
    }),
    tasks: options.tasks.map(({ name, queue, isolation, description }) => {
      return { name, queue, isolation: isolation ?? options.isolatedQueues[queue] ?? null, description };
    }),
    queues: Object.entries(options.queues).map(([name, concurrency]) => {
      return { name, concurrency, isolation: options.isolatedQueues[name] ?? null };
    }),
    resources: options.resources.map(({ name, target, states }) => {
      return { name, entity: entityName(target), states: states.states };
    }),
  };
}

function section(kind: Kind, rows: readonly Row[]): string {
  const title = styled('bold', `${kind} (${rows.length})`);
  const first = rows[0];
  if (first === undefined) return `${title}\n  none`;
  const cells = rows.map((row) => Object.values(row).map((value) => cell(value)));
  return `${title}\n${table(Object.keys(first), cells)}`;
}

function cell(value: Row[string] | undefined): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'object' ? value.join(', ') : String(value);
}

function entityName(target: unknown): string {
  if (typeof target === 'function') return target.name;
  if (typeof target === 'object' && target !== null && 'options' in target) {
    return (target.options as { readonly name: string }).name;
  }
  return String(target);
}
