import { setTimeout as pause } from 'node:timers/promises';
import { DataSource, EntitySchema } from 'typeorm';
import { z } from 'zod';
import {
  createLogger,
  defineActionExecutor,
  defineBackgroundTask,
  defineCreateExecutor,
  defineExecutor,
  defineReeve,
  defineResource,
  defineTask,
  defineThrottle,
  lifecycle,
  resourceColumns,
} from '../../src/index.ts';
import { quickTiming } from '../support/quick-timing.ts';
import { OutsideLedger } from './outside-ledger.ts';

export interface Place {
  /** The database of the engine, and the one of the outside world. */
  readonly url: string;
  readonly outsideUrl: string;
  readonly redis: string | undefined;
}

export interface Thing {
  id: string;
  readonly state: string;
  readonly executionId: string | null;
  readonly errorMessage: string;
  name: string;
}

export const ThingSchema = new EntitySchema<Thing>({
  name: 'thing',
  columns: { ...resourceColumns, name: { type: 'text' } },
});

/** How long a lease is; the reaper takes a step away at the latest 300 ms after it. */
export const leaseMs = 2_000;

/** How long an answer of PostgreSQL or Redis is waited for. */
export const answerMs = 4_000;

/** How many scopes of each throttle may run at once, by what the outside ledger calls it. */
export const limitOf = (throttle: string): number => (throttle === 'wide' ? 3 : 2);

const work = z.object({
  ms: z.number(),
  /** Blocks the event loop of its worker, so that its leases are lost. */
  block: z.boolean().default(false),
  /** While its process is frozen none of the time passes. */
  patient: z.boolean().default(false),
  /** Needs more memory than its process may have. */
  hoard: z.boolean().default(false),
  throttles: z.array(z.string()).default([]),
});
export type Work = z.input<typeof work>;
const works = z.object({ works: z.array(work) });

function chaosTasks(outside: OutsideLedger) {
  const step = defineTask({
    name: 'work',
    input: work,
    retry: { attempts: 5, delay: '100ms' },
    async run({ ms, block: mayBlock, patient, hoard, throttles }, { idempotencyKey: key, fence }) {
      // A second time it would be the fault of the step, which is failed for that in the end.
      const block = mayBlock && fence <= 1;
      if (hoard && fence <= 1) runOutOfMemory();
      const claims = (throttles.length === 0 ? [null] : throttles).map((throttle) => ({ key, fence, throttle }));
      await outside.fenced(claims[0]!);
      for (const claim of claims) await outside.mark('start', claim);
      if (block) await outside.mark('block');
      // What a hung worker does outside before and after it hangs is both seen.
      const isEarly = block && Math.random() < 0.7;
      if (isEarly) await outside.effect(claims[0]!);
      if (block) blockEventLoop(ms);
      else if (patient) await takeTime(ms);
      else await pause(ms);
      if (!isEarly) await outside.effect(claims[0]!);
      if (!block) for (const claim of claims) await outside.mark('end', claim);
      return { fence };
    },
  });
  const tidy = defineBackgroundTask({
    name: 'tidy',
    input: z.object({ what: z.string() }),
    key: ({ what }) => what,
    whenBusy: 'runOnceMore',
    run: async (_input, { idempotencyKey: key, fence }) => {
      await outside.effect({ key, fence, throttle: null });
      await pause(150);
    },
  });
  const tick = defineTask({
    name: 'tick',
    run: (_input, { idempotencyKey: key, fence }) => outside.effect({ key, fence, throttle: null }),
  });
  return { step, tidy, tick };
}

function blockEventLoop(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
}

/** In short pieces, which go on when the process is thawed. */
async function takeTime(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) await pause(Math.min(left, 100));
}

function runOutOfMemory(): never {
  const hoard: unknown[] = [];
  for (;;) hoard.push(Array.from({ length: 10_000 }, (_, index) => ({ index })));
}

/** The application that all processes of a run share, on its databases. */
export function chaosApp({ url, outsideUrl, redis }: Place) {
  const outside = new OutsideLedger(outsideUrl);
  const dataSource = new DataSource({
    type: 'postgres',
    url,
    entities: [ThingSchema],
    installExtensions: false,
    // A connection that never answers again is given up, and none gets old enough to be met twice.
    extra: { max: 5, connectionTimeoutMillis: 5_000, query_timeout: answerMs, maxLifetimeSeconds: 10 },
  });
  const { step, tidy, tick } = chaosTasks(outside);
  const thing = defineResource(ThingSchema, {
    name: 'thing',
    states: lifecycle,
    backend: () => ({ isThere: (_thing: Thing): Promise<boolean> => Promise.resolve(Math.random() < 0.4) }),
  });
  const narrow = defineThrottle(thing, { name: 'narrow', key: (row: Thing) => row.name.charAt(0), limit: 2 });
  const wide = defineThrottle(thing, { name: 'wide', limit: 3 });
  const open = defineThrottle({ name: 'open', limit: 2 });
  const chain = defineExecutor({
    name: 'chain',
    input: works,
    plan: (p, input) => p.each(input.works, (q, one) => q.run(step, one)),
  });
  const group = defineExecutor({
    name: 'group',
    input: works,
    plan: (p, input) =>
      p.groupEach(input.works, (q, one) => q.run(step, one).run(step, one), { concurrency: 2 }).run(step, { ms: 20 }),
  });
  const turns = defineExecutor({
    name: 'turns',
    input: works,
    plan: (p, input) =>
      p
        .throttled(open, (q) =>
          q.each(input.works, (r, one) => r.run(step, one)).run(step, { ms: 10, throttles: ['open'] }),
        )
        .run(step, { ms: 10 }),
  });
  const create = defineCreateExecutor(thing, {
    name: 'thing.create',
    input: works,
    throttle: narrow,
    plan: (p, input) =>
      p.each(input.works, (q, one) => q.run(step, one)).poll('isThere', { every: '200ms', timeout: '1h' }),
  });
  const act = defineActionExecutor(thing, {
    name: 'thing.act',
    input: works,
    plan: (p, input) =>
      p
        .run(step, { ms: 10 })
        .throttled(wide, (q) =>
          q.each(input.works, (r, one) => r.run(step, one)).run(step, { ms: 10, throttles: ['wide'] }),
        ),
  });
  const parent = defineExecutor({
    name: 'parent',
    input: works,
    plan: (p, input) =>
      p.groupEach(input.works, (q, one) => q.child(chain, null, { works: [one, one] })).run(step, { ms: 20 }),
  });
  const reeve = defineReeve({
    dataSource,
    redis,
    executors: [chain, group, turns, create, act, parent],
    tasks: [step, tidy, tick],
    verbs: {},
    // Deaths are many here, and none of them is the fault of the step.
    timing: { ...quickTiming, lease: leaseMs, maxCrashes: 50 },
    poolSize: 6,
    logger: createLogger((process.env['REEVE_TEST_LOG'] as 'debug' | undefined) ?? 'silent'),
  });
  return { dataSource, outside, reeve, thing, chain, group, turns, create, act, parent, tidy, tick };
}

export type ChaosApp = ReturnType<typeof chaosApp>;
