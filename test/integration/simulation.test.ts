import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { testServerUrl } from '../support/bundle.ts';

const entry = new URL('../simulation/simulate.ts', import.meta.url).pathname;
const run = promisify(execFile);

/** In a process of its own: a simulation takes the clock, the timers and the randomness of the one that it is in. */
async function simulate(...args: string[]): Promise<{ code: number; text: string }> {
  const flags = ['--disable-warning=ExperimentalWarning', entry, ...args];
  const env = { ...process.env, REEVE_TEST_PG_URL: testServerUrl() };
  try {
    return { code: 0, text: (await run(process.execPath, flags, { env, maxBuffer: 2 ** 26 })).stdout };
  } catch (error) {
    const { code = -1, stdout = '' } = error as { code?: number; stdout?: string };
    return { code, text: stdout };
  }
}

const digest = /digest ([0-9a-f]+)/;

describe('a simulated cluster', () => {
  it('keeps every rule under the faults of fresh seeds', async () => {
    const seed = String(randomInt(2 ** 31));
    process.stderr.write(`\nsimulation: npm run simulate -- --seed ${seed} --minutes 0.15\n`);
    const { code, text } = await simulate('--seed', seed, '--minutes', '0.15');
    process.stderr.write(text);
    expect({ code, end: text.trim().split('\n').at(-1) }).toEqual({ code: 0, end: 'simulation: nothing broke' });
  });

  it('keeps every rule when a process dies at any boundary', async () => {
    const seed = String(randomInt(2 ** 31));
    process.stderr.write(`\nsimulation: npm run simulate -- --seed ${seed} --crash-at each --minutes 0.1\n`);
    const { code, text } = await simulate('--seed', seed, '--crash-at', 'each', '--minutes', '0.1');
    process.stderr.write(text);
    expect({ code, end: text.trim().split('\n').at(-1) }).toEqual({ code: 0, end: 'simulation: nothing broke' });
  });

  it('is decided by its seed alone: the same seed gives the same trace, another one another', async () => {
    const texts = [await simulate('--seed', '96'), await simulate('--seed', '96'), await simulate('--seed', '119')];
    const digests = texts.map(({ text }) => digest.exec(text)?.[1]);
    expect(digests[0]).toMatch(/^[0-9a-f]{16}$/);
    expect(digests[1]).toBe(digests[0]);
    expect(digests[2]).not.toBe(digests[0]);
  });

  it('breaks, and says how to see it again, when a guard of the protocol is taken out', async () => {
    const args = ['--sabotage', 'completion-not-atomic'];
    const { code, text } = await simulate('--seed', '1', '--minutes', '0.5', ...args);
    expect(code).toBe(1);
    expect(text).toMatch(/BROKEN: I[24]: /);
    const [, seed = ''] =
      /^replay: npm run simulate -- --seed (\d+) --sabotage completion-not-atomic$/m.exec(text) ?? [];
    const again = await simulate('--seed', seed, ...args);
    const trace = (of: string): string[] => of.split('\n').filter((line) => /^ +\d+ \d+\.\d+s /.test(line));
    expect(trace(again.text).length).toBeGreaterThan(20);
    expect(trace(again.text)).toEqual(trace(text));
  });
});
