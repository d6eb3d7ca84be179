import { describe, expect, it } from '@jest/globals';
import { LoneGate } from '../../../src/workers/lone-gate.ts';

const patient = { patienceMs: 60_000, longestMs: 60_000 };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Work that tells when it begins and ends when it is told to. */
function held(log: string[], name: string) {
  const end = Promise.withResolvers<void>();
  const work = async (): Promise<string> => {
    log.push(`+${name}`);
    await end.promise;
    log.push(`-${name}`);
    return name;
  };
  return { work, end: () => end.resolve() };
}

describe('a lone run', () => {
  it('begins when what runs has ended, lets nothing begin meanwhile, and then all go on', async () => {
    const gate = new LoneGate();
    const log: string[] = [];
    const [a, b, lone, c] = ['a', 'b', 'lone', 'c'].map((name) => held(log, name));
    const together = [gate.together(a!.work), gate.together(b!.work)];
    const alone = gate.alone(patient, lone!.work);
    const late = gate.together(c!.work);
    await turn();
    expect(log).toEqual(['+a', '+b']);
    a!.end();
    await together[0];
    await turn();
    expect(log).toEqual(['+a', '+b', '-a']);
    b!.end();
    await together[1];
    await turn();
    expect(log.slice(3)).toEqual(['-b', '+lone']);
    lone!.end();
    expect(await alone).toEqual({ answer: 'lone' });
    await turn();
    c!.end();
    expect(await late).toBe('c');
    expect(log.slice(5)).toEqual(['-lone', '+c', '-c']);
  });

  it('is not begun when the others do not end in time, and holds nobody up after that', async () => {
    const gate = new LoneGate();
    const log: string[] = [];
    const [a, b, lone] = ['a', 'b', 'lone'].map((name) => held(log, name));
    const running = gate.together(a!.work);
    const next = gate.alone({ ...patient, patienceMs: 20 }, lone!.work);
    const waiting = gate.together(b!.work);
    expect(await next).toBeUndefined();
    await turn();
    expect(log).toEqual(['+a', '+b']);
    a!.end();
    b!.end();
    expect(await Promise.all([running, waiting])).toEqual(['a', 'b']);
  });

  it('takes turns with other lone runs, and a failure ends its turn', async () => {
    const gate = new LoneGate();
    const log: string[] = [];
    const [a, b] = ['a', 'b'].map((name) => held(log, name));
    const first = gate.alone(patient, async () => {
      await a!.work();
      throw new Error('it failed');
    });
    const second = gate.alone(patient, b!.work);
    await turn();
    expect(log).toEqual(['+a']);
    a!.end();
    await expect(first).rejects.toThrow('it failed');
    b!.end();
    expect(await second).toEqual({ answer: 'b' });
    expect(log).toEqual(['+a', '-a', '+b', '-b']);
  });

  it('lets others begin when it takes very long, because it may be waiting for one of them', async () => {
    const gate = new LoneGate();
    const log: string[] = [];
    const [lone, other] = ['lone', 'other'].map((name) => held(log, name));
    const alone = gate.alone({ patienceMs: 60_000, longestMs: 20 }, lone!.work);
    other!.end();
    expect(await gate.together(other!.work)).toBe('other');
    lone!.end();
    expect(await alone).toEqual({ answer: 'lone' });
    expect(log).toEqual(['+lone', '+other', '-other', '-lone']);
  });

  it('does not wait for one who has said that he is not to be waited for', async () => {
    const gate = new LoneGate();
    const log: string[] = [];
    const [stuck, lone] = ['stuck', 'lone'].map((name) => held(log, name));
    const left = Promise.withResolvers<() => void>();
    const running = gate.together((leave) => {
      left.resolve(leave);
      return stuck!.work();
    });
    lone!.end();
    const alone = gate.alone(patient, lone!.work);
    await turn();
    expect(log).toEqual(['+stuck']);
    (await left.promise)();
    expect(await alone).toEqual({ answer: 'lone' });
    stuck!.end();
    await running;
    expect(await gate.together(async () => 'still counts right')).toBe('still counts right');
    expect(await gate.alone(patient, async () => 'and alone')).toEqual({ answer: 'and alone' });
  });
});
