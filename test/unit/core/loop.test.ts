import { describe, expect, it } from '@jest/globals';
import { Loop } from '../../../src/core/loop.ts';
import { logLines } from '../../support/log-lines.ts';
import { TestSignal } from '../../support/signals.ts';

describe('a loop', () => {
  it('goes on after a failing round, and logs an outage once and its end once', async () => {
    const log = logLines();
    const rounds = new TestSignal<number>('a round');
    let count = 0;
    const loop = new Loop({
      name: 'test',
      logger: log.logger,
      intervalMs: 5,
      round: async () => {
        count += 1;
        rounds.fire(count);
        if (count <= 3) throw new Error('down');
        return undefined;
      },
    });
    loop.start();
    while ((await rounds.wait()) < 6);
    await loop.stop();
    expect(log.at('error').map((line) => line.message)).toEqual(['test failed and is tried again: down']);
    expect(log.at('info').map((line) => line.message)).toEqual(['test works again']);
  });

  it('is woken from a long pause, and a wake during a round asks for one more', async () => {
    const rounds = new TestSignal('a round');
    const inside = new TestSignal('the inside of a round');
    const release = new TestSignal('the release');
    const loop = new Loop({
      name: 'test',
      logger: logLines().logger,
      intervalMs: 60_000,
      round: async () => {
        inside.fire();
        await release.wait();
        rounds.fire();
        return undefined;
      },
    });
    loop.start();
    await inside.wait();
    loop.wake();
    release.fire();
    await rounds.wait();
    await inside.wait();
    release.fire();
    await rounds.wait();
    loop.wake();
    await inside.wait();
    release.fire();
    await rounds.wait();
    await loop.stop();
  });

  it('waits in its stop for the round under way, and may be stopped twice and never started', async () => {
    const release = Promise.withResolvers<void>();
    const inside = new TestSignal('the inside of a round');
    let ended = false;
    const loop = new Loop({
      name: 'test',
      logger: logLines().logger,
      intervalMs: 1,
      round: async () => {
        inside.fire();
        await release.promise;
        ended = true;
        return undefined;
      },
    });
    loop.start();
    await inside.wait();
    const stopped = Promise.all([loop.stop(), loop.stop()]);
    expect(ended).toBe(false);
    release.resolve();
    await stopped;
    expect(ended).toBe(true);
    await new Loop({ name: 'idle', logger: logLines().logger, intervalMs: 1, round: async () => undefined }).stop();
  });
});
