import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineExecutor, defineTask, type Plan } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { seededRandom, testRandom, type TestRandom } from '../support/random.ts';

type AnyPlan = Plan<undefined, never, never, never, unknown, object>;

/** What a random plan consists of. */
type Part =
  | { readonly kind: 'step'; readonly name: string; readonly fate: 'works' | 'fails' | 'works the second time' }
  | { readonly kind: 'chain'; readonly parts: readonly Part[] }
  | { readonly kind: 'group'; readonly parts: readonly Part[]; readonly concurrency: number | undefined }
  | { readonly kind: 'gate'; readonly answer: boolean; readonly parts: readonly [Part, Part | null] };

function randomPart(random: TestRandom, depth: number, name: string): Part {
  const kind = depth === 0 ? 'step' : random.pick(['step', 'chain', 'group', 'gate'] as const);
  const parts = (count: number): Part[] =>
    Array.from({ length: count }, (_, index) => randomPart(random, depth - 1, `${name}.${index}`));
  if (kind === 'chain') return { kind, parts: parts(random.int(1, 3)) };
  if (kind === 'group') {
    const members = parts(random.int(1, 4)).map((part): Part => {
      const first: Part = { kind: 'step', name: `${name}.first.${random.int(0, 1_000_000)}`, fate: 'works' };
      return { kind: 'chain', parts: [first, part] };
    });
    return { kind, parts: members, concurrency: random.pick([undefined, 1, 2]) };
  }
  if (kind === 'gate') {
    const [then, otherwise] = parts(2) as [Part, Part];
    return { kind, answer: random.next() < 0.5, parts: [then, random.next() < 0.5 ? otherwise : null] };
  }
  const dice = random.next();
  return { kind: 'step', name, fate: dice < 0.03 ? 'fails' : dice < 0.15 ? 'works the second time' : 'works' };
}

/** The names of the steps that run when none fails. */
function taken(part: Part): string[] {
  if (part.kind === 'step') return [part.name];
  if (part.kind !== 'gate') return part.parts.flatMap(taken);
  const side = part.answer ? part.parts[0] : part.parts[1];
  return side === null ? [] : taken(side);
}

describeOnBrokers('random plans', (broker) => {
  it('of chains, groups and gates, with failures and retries, always end and run each step at most once, in order', async () => {
    const random = testRandom(`random plans (${broker})`);
    const ran: string[] = [];
    const step = defineTask({
      name: 'step',
      input: z.object({ run: z.string(), name: z.string(), fate: z.string() }),
      retry: { attempts: 2, delay: '10ms' },
      run: ({ run, name, fate }, context) => {
        if (fate === 'fails') throw new Error(`${name} fails`);
        if (fate === 'works the second time' && context.attempt === 1) throw new Error('not yet');
        ran.push(`${run}/${name}`);
      },
    });
    const build = (plan: AnyPlan, part: Part, run: string): AnyPlan => {
      if (part.kind === 'step') return plan.run(step, { run, name: part.name, fate: part.fate });
      if (part.kind === 'chain') return part.parts.reduce((current, next) => build(current, next, run), plan);
      if (part.kind === 'group') {
        const members = part.parts.map((member) => (q: AnyPlan) => build(q, member, run));
        return plan.group(members, part.concurrency === undefined ? {} : { concurrency: part.concurrency });
      }
      const [then, otherwise] = part.parts;
      const side = (of: Part | null) => (q: AnyPlan) => (of === null ? q : build(q, of, run));
      return plan.when(() => part.answer, side(then), side(otherwise));
    };
    const partOf = (seed: number): Part => ({ kind: 'chain', parts: [randomPart(seededRandom(seed), 3, 's')] });
    const executor = defineExecutor({
      name: 'random',
      input: z.object({ seed: z.number(), run: z.string() }),
      plan: (p, { seed, run }) => (Number.isInteger(seed) ? build(p as AnyPlan, partOf(seed), run) : p) as typeof p,
    });
    await using bundle = await makeBundle(broker, { executors: [executor], tasks: [step] });
    await bundle.reeve.startWorker({ queues: ['tasks'], concurrency: 10 });
    const seeds = Array.from({ length: 40 }, () => random.int(0, 2 ** 30));
    const started: { seed: number; run: string; executionId: string }[] = [];
    for (const [index, seed] of seeds.entries()) {
      const run = `run-${index}`;
      started.push({ seed, run, ...(await bundle.reeve.execute(executor, { seed, run })) });
    }
    let failed = 0;
    for (const { seed, run, executionId } of started) {
      const outcome = await bundle.reeve.result(executionId, { timeout: '60s' });
      const mine = ran.filter((line) => line.startsWith(`${run}/`)).map((line) => line.slice(run.length + 1));
      const possible = taken(partOf(seed));
      expect(new Set(mine).size).toBe(mine.length);
      expect(possible).toEqual(expect.arrayContaining(mine));
      if (outcome.state === 'succeeded') expect(mine.toSorted()).toEqual(possible.toSorted());
      else failed += 1;
    }
    process.stderr.write(`random plans (${broker}): ${seeds.length - failed} succeeded, ${failed} failed\n`);
    expect(failed).toBeLessThan(seeds.length);
  });
});
