import { formatMs } from '../../src/core/duration.ts';
import type { DatabaseReport, DemoReport } from './report.ts';

const heads = ['database', 'asked', 'what happened', 'on the server now', 'agree'] as const;

/** The report for people: a table, what failed and what to change, the login, the verdict. */
export function reportText(report: DemoReport, columns: number): string {
  const { databases, totals, durationsMs, login, verdict } = report;
  const lines = [
    ...table(databases, columns),
    '',
    ...databases.flatMap((database) => errorLines(database)),
    `${totals.agreeing} of ${totals.databases} databases are on the server as reported; Reeve's own pull saw ${report.pulledDatabases} databases there.`,
    ...loginLines(login),
    `${totals.operations} operations in ${formatMs(durationsMs.provision)}; all together ${formatMs(durationsMs.total)} (server ${formatMs(durationsMs.server)}, workers ${formatMs(durationsMs.workers)}, check ${formatMs(durationsMs.check)}).`,
    verdict.ok ? 'The report and the server agree.' : 'This is NOT as it should be:',
    ...verdict.problems.map((problem) => `  - ${problem}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** A line for each operation; what was asked is left out where the terminal is too narrow for it. */
function table(databases: readonly DatabaseReport[], columns: number): string[] {
  const rows = databases.flatMap(rowsOf);
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => (row[column] ?? '').length)));
  const isNarrow = widths.reduce((sum, width) => sum + width + 2, 0) > columns;
  const line = (cells: readonly string[]): string =>
    cells
      .flatMap((cell, column) => (isNarrow && column === 1 ? [] : [cell.padEnd(widths[column] ?? 0)]))
      .join('  ')
      .trimEnd();
  return [line(heads), line(widths.map((width) => '─'.repeat(width))), ...rows.map((row) => line(row))];
}

function rowsOf({ name, asked, happened, outcome, expected, real, agrees }: DatabaseReport): string[][] {
  return asked.map((words, index) => {
    const isFirst = index === 0;
    const hint = outcome === 'erred' && expected === 'erred' && index === happened.length - 1 ? ', as expected' : '';
    const became = happened[index] === undefined ? 'not asked for' : `${happened[index]}${hint}`;
    return [isFirst ? name : '', words, became, isFirst ? onServer(real) : '', isFirst ? (agrees ? 'yes' : 'NO') : ''];
  });
}

function onServer(real: DatabaseReport['real']): string {
  if (!real.exists) return 'nothing';
  const limit = real.connectionLimit === -1 ? 'no limit' : `limit ${real.connectionLimit}`;
  return `${real.name}, owner ${real.owner}, ${limit}`;
}

function errorLines({ name, error }: DatabaseReport): string[] {
  if (error === null) return [];
  return [`${name} erred (${error.code}): ${error.message}`, `  what to change: see ${error.at}. ${error.next}`, ``];
}

function loginLines(login: DemoReport['login']): string[] {
  if (login === null) return [];
  const { database, role, ok, storedAs, wrongPasswordRefused, error } = login;
  if (!ok) return [`Login as ${role} to ${database} with the generated password FAILED (${error}).`];
  const wrong = wrongPasswordRefused ? 'with a wrong one it is refused' : 'but this server takes ANY password';
  return [`Login as ${role} to ${database} with the generated password works (${storedAs}); ${wrong}.`];
}
