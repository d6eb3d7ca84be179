import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { defineExecutor, defineTask, defineThrottle, isReeveError, type Plan } from '../../src/index.ts';
import { createTestReeve, type CrashPoint, type TestReeve } from '../../src/testing/index.ts';
import { makeDatabase } from '../support/bundle.ts';
import { testRandom } from '../support/random.ts';

type AnyPlan = Plan<undefined, never, never, never, unknown, object>;

const partKinds = ['chain', 'group', 'gate', 'throttled', 'attempt', 'expand', 'child'] as const;
const steps = z.object({ kind: z.literal('step'), fate: z.enum(['works', 'fails', 'fails once', 'waits']) });
const part: z.ZodType<Part> = z.lazy(() =>
  z.union([steps, z.object({ kind: z.enum(partKinds), parts: z.array(part), pick: z.number() })]),
);

/** What a random plan consists of. */
type Part =
  | { readonly kind: 'step'; readonly fate: 'works' | 'fails' | 'fails once' | 'waits' }
  | { readonly kind: (typeof partKinds)[number]; readonly parts: readonly Part[]; readonly pick: number };

const { plan: planArbitrary } = fc.letrec<{ plan: Part; step: Part; inner: Part }>((tie) => ({
  step: fc.record({
    kind: fc.constant('step' as const),
    fate: fc.oneof(
      { weight: 12, arbitrary: fc.constant('works' as const) },
      { weight: 1, arbitrary: fc.constant('fails' as const) },
      { weight: 3, arbitrary: fc.constant('fails once' as const) },
      { weight: 2, arbitrary: fc.constant('waits' as const) },
    ),
  }),
  inner: fc.oneof({ maxDepth: 3, withCrossShrink: true }, tie('step'), tie('plan')),
  plan: fc.record({
    kind: fc.constantFrom(...partKinds),
    parts: fc.array(tie('inner'), { minLength: 1, maxLength: 3 }),
    pick: fc.nat({ max: 5 }),
  }),
}));

/** What happens while the plans run. */
const events = [
  'step',
  'step',
  'step',
  'step',
  'drain',
  'advance',
  'crash',
  'cancel',
  'retry',
  'pause',
  'resume',
] as const;
const eventArbitrary = fc.record({ kind: fc.constantFrom(...events), pick: fc.nat({ max: 100 }) });

const throttles = [1, 2].map((limit) => defineThrottle({ name: `t${limit}`, limit }));

const work = defineTask({
  name: 'work',
  input: z.object({ fate: z.string() }),
  retry: { attempts: 2, delay: '1s' },
  run: ({ fate }, context) => {
    if (fate === 'fails') throw new Error('fails');
    if (fate === 'fails once' && context.attempt === 1) throw new Error('fails once');
    return context.position;
  },
});

/** Scopes stand in no other scope, because there is only one level here. */
function build(plan: AnyPlan, of: Part, inScope = false): AnyPlan {
  if (of.kind === 'step') return (of.fate === 'waits' ? plan.wait('5s') : plan).run(work, { fate: of.fate });
  const inner = (q: AnyPlan): AnyPlan => of.parts.reduce((current, next) => build(current, next, inScope), q);
  switch (of.kind) {
    case 'chain':
      return inner(plan);
    case 'group': {
      const members = of.parts.map((one) => (q: AnyPlan) => build(q.run(work, { fate: 'works' }), one, inScope));
      return plan.group(members, of.pick === 0 ? {} : { concurrency: of.pick }) as AnyPlan;
    }
    case 'gate':
      return plan.when(
        () => of.pick % 2 === 0,
        inner,
        (q) => q.run(work, { fate: 'works' }),
      );
    case 'throttled': {
      const throttle = throttles[of.pick % 2];
      if (inScope || throttle === undefined) return inner(plan);
      const members = of.parts.map((one) => (q: AnyPlan) => build(q, one, true));
      return plan.throttled(throttle, (q) => q.run(work, { fate: 'works' }).group(members) as AnyPlan);
    }
    case 'attempt':
      return plan.attempt((q) => q.run(work, { fate: of.pick > 2 ? 'fails' : 'works' }), {
        succeeded: inner,
        failed: (q) => q.run(work, { fate: 'works' }),
      }) as AnyPlan;
    case 'expand':
      // What is added may have no expand of its own.
      return plan.expand(
        () => of.pick,
        (q, count) =>
          q.each(
            Array.from({ length: count }, (_, n) => n),
            (r) => r.run(work, { fate: 'works' }),
          ),
      ) as AnyPlan;
    case 'child':
      return plan.child(executor, null, { part: { kind: 'chain', parts: of.parts.map(leaf), pick: 0 } }) as AnyPlan;
  }
}

/** A child runs plain steps: its permits would be of the level of those around it. */
function leaf(of: Part): Part {
  if (of.kind === 'step') return of;
  return { kind: 'chain', parts: of.parts.map(leaf), pick: 0 };
}

const executor = defineExecutor({
  name: 'random',
  input: z.object({ part }),
  plan: (p, input) => (isPart(input.part) ? build(p as AnyPlan, input.part) : p) as typeof p,
});

/** The plan is also built with stand-ins, when the executor is registered. */
function isPart(value: unknown): value is Part {
  return typeof (value as { kind?: unknown }).kind === 'string';
}

describe('random plans with random failures, retries, cancels, pauses and crashes', () => {
  it('always end, keep the invariants at every moment, and run no step before its predecessors', async () => {
    const random = testRandom('random operations');
    const database = await makeDatabase();
    const dataSource = new DataSource({ type: 'postgres', url: database.url, entities: [], installExtensions: false });
    const kit = await createTestReeve({ dataSource, executors: [executor], tasks: [work] });
    const ends: Record<string, number> = {};
    const plans = fc.array(planArbitrary, { minLength: 1, maxLength: 3 });
    const happenings = fc.array(eventArbitrary, { maxLength: 20 });
    try {
      await fc.assert(
        fc.asyncProperty(plans, happenings, async (parts, script) => {
          const ids: string[] = [];
          for (const one of parts) ids.push((await kit.execute(executor, { part: one })).executionId);
          for (const event of script) {
            await happen(kit, ids[event.pick % ids.length] ?? '', event);
            await kit.checkInvariants();
          }
          await heal(kit, ids);
          for (const id of ids) {
            const { state } = await kit.reeve.execution(id);
            ends[state] = (ends[state] ?? 0) + 1;
            expect(['succeeded', 'failed', 'canceled']).toContain(state);
          }
          await kit.checkInvariants();
          expect(await dataSource.query('SELECT 1 FROM reeve.permit')).toEqual([]);
        }),
        { seed: random.seed, numRuns: Number(process.env['REEVE_TEST_RANDOM_RUNS'] ?? 40), endOnFailure: true },
      );
      process.stderr.write(`random operations: ${JSON.stringify(ends)}\n`);
    } finally {
      try {
        await kit.close();
      } finally {
        await dataSource.destroy();
        await database.drop();
      }
    }
    expect(ends['succeeded']).toBeGreaterThan(0);
    expect((ends['failed'] ?? 0) + (ends['canceled'] ?? 0)).toBeGreaterThan(0);
  }, 180_000);
});

async function happen(
  kit: TestReeve,
  id: string,
  { kind, pick }: { readonly kind: (typeof events)[number]; readonly pick: number },
): Promise<void> {
  try {
    if (kind === 'step') await kit.step();
    else if (kind === 'drain') await kit.drain();
    else if (kind === 'advance') await kit.clock.advance(`${(pick % 40) + 1}s`);
    else if (kind === 'crash')
      kit.crash((['before-run', 'after-run', 'after-commit'] as CrashPoint[])[pick % 3] ?? 'before-run');
    else await kit.reeve[kind](id);
  } catch (error) {
    // A retry of what runs, a pause of what has ended: refused, and nothing is changed.
    if (!isReeveError(error, 'EXECUTION_STATE')) throw error;
  }
}

/** Nobody disturbs any more: what is paused goes on, leases end, and everything comes to its end. */
async function heal(kit: TestReeve, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    if ((await kit.reeve.execution(id)).state === 'paused') await kit.reeve.resume(id);
  }
  await kit.clock.advance('5m');
}
