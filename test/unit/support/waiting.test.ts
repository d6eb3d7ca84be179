import { describe, expect, it } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { TestSignal } from '../../support/signals.ts';

describe('eventually', () => {
  it('returns the value of the first try that passes', async () => {
    let tries = 0;
    const value = await eventually(
      () => {
        tries += 1;
        expect(tries).toBe(3);
        return 'done';
      },
      { pauseMs: 1 },
    );
    expect(value).toBe('done');
  });

  it('fails after the deadline with the last failure in its message', async () => {
    const never = eventually(() => Promise.reject(new Error('still 7')), { timeoutMs: 20, pauseMs: 1 });
    await expect(never).rejects.toThrow(/not so after 20 ms and \d+ tries; the last failure:\nstill 7/);
  });
});

describe('TestSignal', () => {
  it('keeps what was fired before anybody waited, in order', async () => {
    const signal = new TestSignal<number>();
    signal.fire(1);
    signal.fire(2);
    expect(signal.pending).toBe(2);
    expect([await signal.wait(), await signal.wait()]).toEqual([1, 2]);
  });

  it('wakes the one who has waited longest', async () => {
    const signal = new TestSignal<string>();
    const [first, second] = [signal.wait(), signal.wait()];
    signal.fire('a');
    signal.fire('b');
    await expect(Promise.all([first, second])).resolves.toEqual(['a', 'b']);
  });

  it('says what did not come, and forgets the one who gave up', async () => {
    const signal = new TestSignal<string>('the claim');
    await expect(signal.wait(10)).rejects.toThrow('the claim did not come within 10 ms');
    signal.fire('late');
    expect(await signal.wait()).toBe('late');
  });
});
