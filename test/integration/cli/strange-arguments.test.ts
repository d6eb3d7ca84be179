import { describe, expect, it } from '@jest/globals';
import { makeFixtureDatabase } from './fixture-database.ts';
import { runReeve } from './reeve-process.ts';

describe('Z19 arguments that look like something else', () => {
  it.each<readonly [string, readonly string[]]>([
    ['a value that looks like an option', ['executions', 'list', '--state', '--help-me']],
    ['an option that is none', ['status', '--no-such-option']],
    ['a command that is none', ['no-such-command']],
    ['a value that is missing', ['worker', '-Q']],
    ['a count that is none', ['worker', '-c', '-5']],
  ])('are a wrong call, with exit code 2: %s', async (_title, args) => {
    const run = await runReeve(args, { environment: { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' } });
    expect([run.exitCode, run.stdout]).toEqual([2, '']);
    expect(run.stderr).not.toMatch(/\n\s+at /);
  });

  it('are taken as they are where they are values: dashes, line ends, what looks like a variable', async () => {
    await using fixture = await makeFixtureDatabase('postgres');
    const { environment } = fixture;
    for (const name of ['-x', 'a\nb', '$(touch reeve-was-here)', '${DATABASE_URL}', "'; DROP TABLE reeve.step; --"]) {
      const run = await runReeve(['executions', 'show', '--', name], { environment });
      // No beginning of an id: a wrong call, which says what it was taken for.
      expect([name, run.exitCode]).toEqual([name, 2]);
      const missing = await runReeve(['throttle', 'set', '--', name, '3'], { environment });
      expect([name, missing.exitCode]).toEqual([name, 3]);
      for (const { stderr } of [run, missing]) {
        expect(stderr).not.toContain('postgres://');
        expect(stderr).not.toMatch(/\n\s+at /);
      }
    }
    const status = await runReeve(['status', '--json'], { environment });
    expect(status.exitCode).toBe(0);
  });
});
