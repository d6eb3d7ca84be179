import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { processUse } from '../../../src/moo/sandbox/process-meter.ts';
import { VERB_LIMITS } from '../../../src/moo/sandbox/limits.ts';
import { sandboxesOf } from '../../support/sandbox-processes.ts';
import { makeWorld, type WorldBundle } from '../../support/world.ts';
import { withinMs } from '../../support/within.ts';

const probe = fileURLToPath(new URL('../../support/isolate-probe.ts', import.meta.url));

interface Probed {
  readonly value?: number;
  readonly error?: number;
  readonly maxRssMb?: number;
  readonly isStillRunning: boolean;
}

/** What isolated-vm alone does with a program, limited to 300 ms and 32 MB; it is given three seconds. */
async function alone(name: string): Promise<Probed> {
  const flags = ['--no-node-snapshot', '--disable-warning=ExperimentalWarning', probe, name];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  try {
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('begun');
    const late = new AbortController();
    const line = await Promise.race([
      lines.next(),
      pause(3_000, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    if (line === undefined) return { isStillRunning: true };
    return { ...(JSON.parse(String(line.value)) as object), isStillRunning: false };
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}

describe('F7 isolated-vm alone', () => {
  it.each([
    ['the text of a huge number', 'bigint'],
    ['a promise that never settles', 'pending'],
    ['a getter of what was thrown', 'getter'],
  ])('F7 its timeout does not end %s', async (_what, name) => {
    expect(await alone(name)).toEqual({ isStillRunning: true });
  });

  it('F7 its limit of memory does not hold for a string that is spread, nor at all for WebAssembly', async () => {
    const spread = await alone('spread');
    expect(spread.isStillRunning || (spread.maxRssMb ?? 0) > 300).toBe(true);
    expect(await alone('wasm')).toMatchObject({ value: 8_000 * 65_536, isStillRunning: false });
  });

  it('F7 it hands out texts of any length, as results and as errors', async () => {
    expect(await alone('result')).toMatchObject({ value: 200_000_000 });
    expect(await alone('error')).toMatchObject({ error: 30_000_000 });
  });
});

describe('F7 the sandbox around isolated-vm', () => {
  let world: WorldBundle;
  beforeAll(async () => {
    world = await makeWorld('postgres', { timeLimit: '2s' });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  it.each([
    ['the text of a huge number', `return (7n ** (2n ** 24n)).toString().length`],
    ['a promise that never settles', `return await new Promise(() => {})`],
    ['a getter of what was thrown', `throw { get message() { for (;;); } }`],
    ['a string that is spread', `return [...'.'.repeat(5e8)].length`],
    ['the memory of WebAssembly', `return new WebAssembly.Memory({ initial: 8000 }).buffer.byteLength`],
    ['a result of 200 MB', `return 'x'.repeat(200_000_000)`],
    ['an error of 30 MB', `throw new Error('x'.repeat(30_000_000))`],
  ])('F7 ends %s within its limits, and serves the next command', async (_what, source) => {
    const begun = performance.now();
    const answer = await world.bundle.reeve.world.code('Prog', source);
    expect(performance.now() - begun).toBeLessThan(withinMs(4_000));
    expect(answer.state).toMatch(/^(timed_out|failed)$/);
    expect(JSON.stringify(answer).length).toBeLessThan(10_000);
    const next = performance.now();
    expect((await world.run('Wizard', 'look')).output[0]).toBe('Lobby');
    expect(performance.now() - next).toBeLessThan(withinMs(3_000));
  });

  it('F7 lets no process of the sandbox grow much beyond its limit, whatever the isolate says', async () => {
    let peakMb = 0;
    const watch = setInterval(() => {
      for (const pid of sandboxesOf(process.pid)) peakMb = Math.max(peakMb, processUse(pid)?.rssMb ?? 0);
    }, 10);
    try {
      for (const source of [
        `return [...'.'.repeat(5e8)].length`,
        `const a = []; for (;;) a.push(new Float64Array(1e5).fill(1))`,
      ]) {
        expect((await world.bundle.reeve.world.code('Prog', source)).state).toMatch(/^(timed_out|failed)$/);
      }
    } finally {
      clearInterval(watch);
    }
    expect(peakMb).toBeGreaterThan(20);
    // It is looked at every 50 ms, or later on a busy machine.
    expect(peakMb).toBeLessThan(VERB_LIMITS.childMb + 768);
  });
});
