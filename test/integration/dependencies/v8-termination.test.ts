import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';

/** In a process of its own, because a thread that cannot be ended would outlive the test. */
function terminates(flags: readonly string[]): string {
  const loop = 'setTimeout(() => { while (true) new Array(1000).fill(1.5); }, 10)';
  const program = `
    import { writeSync } from 'node:fs';
    import { Worker } from 'node:worker_threads';
    const thread = new Worker(${JSON.stringify(loop)}, { eval: true });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const late = new Promise((resolve) => setTimeout(resolve, 3000, 'runs on'));
    writeSync(1, await Promise.race([thread.terminate().then(() => 'ended'), late]));
    // An orderly exit would wait for the thread.
    process.kill(process.pid, 'SIGKILL');`;
  const { stdout } = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  return stdout.trim();
}

describe('a thread in an optimised loop', () => {
  it('is ended by terminate() once the loop unrolling of V8 is off, which threads of isolated steps depend on', () => {
    expect(terminates(['--no-turboshaft-loop-unrolling'])).toBe('ended');
  });

  it('is not ended with it: when this fails, V8 is mended, and thread-transport.ts needs its flag no more', () => {
    expect(terminates([])).toBe('runs on');
  });
});
