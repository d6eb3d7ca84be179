import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, it } from '@jest/globals';
import { defineBackgroundTask } from '../../../src/index.ts';
import { describeOnBrokers, makeBundle, redisUrlOf } from '../../support/bundle.ts';

const refuseApp = new URL('../../support/refuse-app.ts', import.meta.url).pathname;
const pull = defineBackgroundTask({ name: 'pull', key: () => 'all', run: () => null });

describeOnBrokers('a background task that is alive', (broker) => {
  it('W31 is started once by ten processes that ask for it 100 times each, with no worker alive', async () => {
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const runs = Array.from({ length: 10 }, async () => {
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', refuseApp], {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, TEST_URL: bundle.url, TEST_REDIS: redisUrlOf(broker) ?? '' },
      });
      const lines = createInterface({ input: child.stdout });
      await once(lines, 'line');
      return async () => {
        const answer = once(lines, 'line');
        child.stdin.write('go\n');
        const [line] = (await answer) as [string];
        child.kill('SIGKILL');
        await once(child, 'exit');
        return JSON.parse(line) as { created: number; ids: string[]; ms: number[] };
      };
    });
    const ready = await Promise.all(runs);
    const answers = await Promise.all(ready.map((go) => go()));
    expect(answers.reduce((sum, { created }) => sum + created, 0)).toBe(1);
    expect(new Set(answers.flatMap(({ ids }) => ids)).size).toBe(1);
    expect(await bundle.query('SELECT 1 FROM reeve.execution')).toHaveLength(1);
    const started = performance.now();
    const alone: number[] = [];
    for (let index = 0; index < 100; index += 1) {
      const before = performance.now();
      expect((await bundle.reeve.execute(pull)).created).toBe(false);
      alone.push(performance.now() - before);
    }
    const together = answers.flatMap(({ ms }) => ms);
    process.stderr.write(
      `refused calls (${broker}): p95 ${p95(alone).toFixed(1)} ms one after another (100 in ${Math.round(performance.now() - started)} ms), ${p95(together).toFixed(1)} ms with ten processes at once\n`,
    );
    // The 95th percentile is printed; what is asserted must hold on a busy machine too.
    expect(alone.toSorted((a, b) => a - b)[50]).toBeLessThan(100);
  });
});

function p95(ms: readonly number[]): number {
  return ms.toSorted((a, b) => a - b)[Math.floor(ms.length * 0.95)] ?? 0;
}
