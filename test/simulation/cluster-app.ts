import { DataSource, EntitySchema } from 'typeorm';
import { z } from 'zod';
import {
  defineActionExecutor,
  defineBackgroundTask,
  defineCreateExecutor,
  defineExecutor,
  defineResource,
  defineSchedule,
  defineTask,
  defineThrottle,
  lifecycle,
  resourceColumns,
} from '../../src/index.ts';
import type { OutsideWorld } from './outside-world.ts';

export interface Thing {
  id: string;
  readonly state: string;
  readonly executionId: string | null;
  name: string;
}

export const ThingSchema = new EntitySchema<Thing>({
  name: 'thing',
  columns: { ...resourceColumns, name: { type: 'text' } },
});

export const limits: Readonly<Record<string, number>> = { narrow: 1, wide: 2 };
export const meantToFail = 'it is meant to fail';

export const work = z.object({
  ms: z.number(),
  fate: z.enum(['works', 'fails', 'fails once']).default('works'),
  throttles: z.array(z.string()).default([]),
});
export type Work = z.input<typeof work>;
const works = z.object({ works: z.array(work) });
const held = works.extend({ other: z.string() });

export function simulatedDataSource(url: string): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    entities: [ThingSchema],
    installExtensions: false,
    // Timers of the driver would be real ones.
    extra: { max: 4, idleTimeoutMillis: 0 },
  });
}

/** What all simulated processes of a run know; `world` is the outside of the scenario that runs now. */
export function clusterApp(world: () => OutsideWorld) {
  const step = defineTask({
    name: 'work',
    input: work,
    retry: { attempts: 8, delay: '300ms' },
    async run({ ms, fate, throttles }, { idempotencyKey: key, fence, attempt }) {
      const end = world().begin({ key, fence }, throttles);
      await pause(ms);
      if (fate === 'fails') throw Object.assign(new Error(meantToFail), { retryable: false });
      if (fate === 'fails once' && attempt === 1) throw new Error('fails once');
      world().effect({ key, fence });
      end();
      return { fence };
    },
  });
  const tidy = defineBackgroundTask({
    name: 'tidy',
    input: z.object({ what: z.string() }),
    key: ({ what }) => what,
    whenBusy: 'runOnceMore',
    async run(_input, { idempotencyKey: key, fence }) {
      await pause(100);
      world().effect({ key, fence });
    },
  });
  const tick = defineTask({
    name: 'tick',
    run: (_input, { idempotencyKey: key, fence }) => world().effect({ key, fence }),
  });
  let looks = 0;
  const thing = defineResource(ThingSchema, {
    name: 'thing',
    states: lifecycle,
    backend: () => ({ isThere: (_thing: Thing): Promise<boolean> => Promise.resolve((looks += 1) % 3 === 0) }),
  });
  const narrow = defineThrottle(thing, { name: 'narrow', key: (row: Thing) => row.name.charAt(0), limit: 1 });
  const wide = defineThrottle(thing, { name: 'wide', limit: 2 });
  const chain = defineExecutor({
    name: 'chain',
    input: works,
    plan: (p, input) => p.each(input.works, (q, one) => q.run(step, one)),
  });
  const group = defineExecutor({
    name: 'group',
    input: works,
    plan: (p, input) =>
      p.groupEach(input.works, (q, one) => q.run(step, one).run(step, one), { concurrency: 2 }).run(step, { ms: 0 }),
  });
  const create = defineCreateExecutor(thing, {
    name: 'thing.create',
    input: works,
    throttle: narrow,
    plan: (p, input) =>
      p.each(input.works, (q, one) => q.run(step, one)).poll('isThere', { every: '400ms', timeout: '1h' }),
  });
  const act = defineActionExecutor(thing, {
    name: 'thing.act',
    input: works,
    plan: (p, input) =>
      p.throttled(wide, (q) => q.each(input.works, (r, one) => r.run(step, one)).run(step, { ms: 0 })),
  });
  const hold = defineActionExecutor(thing, {
    name: 'thing.hold',
    input: held,
    plan: (p, input) =>
      p
        .run(step, { ms: 0 })
        .hold({ resource: thing, id: input.other }, (q) =>
          q.run(step, { ms: 0 }).each(input.works, (r, one) => r.run(step, one)),
        ),
  });
  const parent = defineExecutor({
    name: 'parent',
    input: works,
    plan: (p, input) =>
      p.groupEach(input.works, (q, one) => q.child(chain, null, { works: [one] })).run(step, { ms: 0 }),
  });
  const mixed = defineExecutor({
    name: 'mixed',
    input: works,
    plan: (p, input) =>
      p
        .wait('600ms')
        .attempt((q) => q.run(step, { ms: 0, fate: 'fails' }), { failed: (q) => q.run(step, { ms: 0 }) })
        .each(input.works, (q, one) => q.run(step, one)),
  });
  const schedules = [1, 2].map((n) =>
    defineSchedule(tick, { name: `every-${n}`, every: '2s', overlap: n === 1 ? 'allow' : 'skip' }),
  );
  return {
    executors: { chain, group, create, act, hold, parent, mixed },
    tasks: { step, tidy, tick },
    schedules,
    beginScenario: () => (looks = 0),
  };
}

export type ClusterApp = ReturnType<typeof clusterApp>;

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
