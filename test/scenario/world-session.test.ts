import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';

const root = new URL('../../', import.meta.url).pathname;
const guide = readFileSync(`${root}docs/verbs.md`, 'utf8');
const transcript = /```text\n([\s\S]*?)```/.exec(guide)?.[1]?.trimEnd().split('\n') ?? [];
const hasTerminal = spawnSync('script', ['--version']).status === 0;
if (!hasTerminal)
  process.stderr.write('\nNOT TESTED: the session of docs/verbs.md; there is no program "script" here\n');

describe('the first session of docs/verbs.md', () => {
  (hasTerminal ? it : it.skip)(
    'is what npm run demo:world prints in a terminal',
    async () => {
      expect(transcript.filter((line) => line.startsWith('Wizard> ')).length).toBeGreaterThan(5);
      const program = `${process.execPath} --disable-warning=ExperimentalWarning examples/world/demo.ts`;
      const terminal = spawn('script', ['-qec', program, '/dev/null'], {
        cwd: root,
        env: { ...process.env, TERM: 'xterm', REDIS_URL: '', COLUMNS: '200' },
      });
      let printed = '';
      let read = 0;
      terminal.stdout.on('data', (chunk: Buffer) => {
        printed += stripVTControlCharacters(chunk.toString('utf8')).replaceAll('\r', '\n');
      });
      /** Behind what was found before: the transcript is in order. */
      const find = async (text: string): Promise<void> => {
        await eventually(
          () => {
            const at = printed.indexOf(text, read);
            if (at < 0) throw new Error(`"${text}" is not in ${JSON.stringify(printed.slice(read))}`);
            read = at + text.length;
          },
          { timeoutMs: 60_000 },
        );
      };
      try {
        for (const line of transcript) {
          if (!line.startsWith('Wizard> ')) {
            await find(line);
            continue;
          }
          await find('Wizard>');
          terminal.stdin.write(`${line.slice('Wizard> '.length)}\n`);
        }
        const [code] = (await once(terminal, 'exit')) as [number];
        expect(code).toBe(0);
      } finally {
        terminal.kill('SIGTERM');
      }
    },
    180_000,
  );
});
