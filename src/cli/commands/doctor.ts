import type { Command } from 'commander';
import { findings, type Finding } from '../doctor-checks.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmless, printJson, printLine, styled } from '../terminal.ts';
import { withApp } from '../with-app.ts';

export function addDoctorCommand(program: Command): Command {
  return program
    .command('doctor')
    .description('Look for what bites: schema, clocks, broker, workers, schedules; with --invariants the ledger itself')
    .option('--invariants', 'check every rule of the ledger as well; reads all of it, and disturbs nobody')
    .addHelpText(
      'after',
      `
Exit codes: 0 nothing is broken (there may be warnings), 1 something is.
With --json: {"findings": [{"check", "state": "ok" | "warn" | "fail", "message", "next"}]}.`,
    )
    .action(async ({ invariants }: { invariants?: boolean }, command: Command) => {
      await withApp(command, async ({ reeve }, { json }) => {
        const found = await findings(reeve, invariants ?? false);
        if (json) printJson({ findings: found });
        else for (const finding of found) printLine(findingText(finding));
        return found.some(({ state }) => state === 'fail') ? exitCodes.failure : exitCodes.ok;
      });
    });
}

const marks = { ok: styled('green', 'ok  '), warn: styled('yellow', 'warn'), fail: styled('red', 'fail') } as const;

function findingText({ check, state, message, next }: Finding): string {
  const line = `${marks[state]}  ${check.padEnd(10)}  ${harmless(message)}`;
  return next === undefined ? line : `${line}\n      ${' '.repeat(10)}  ${harmless(next)}`;
}
