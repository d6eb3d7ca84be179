/**
 * Reeve as a contestant. DATABASE_URL, REDIS_URL where that is its broker, CONCURRENCY; CONTINUATION=off and
 * GROUP_COMMIT=off for what each brings; WORKER=off for a process that only asks, WORLD=on for verbs.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import {
  createLogger,
  defineExecutor,
  defineReeve,
  defineTask,
  defineThrottle,
  type ThrottleDefinition,
} from '../src/index.ts';
import { packageVersion } from '../src/core/package-version.ts';
import { contestant, inTurn, Overlap, startTimes, timed } from './answering.ts';

const concurrency = Number(process.env['CONCURRENCY'] ?? 50);
const overlap = new Overlap();
let begunAt = 0;

const none = defineTask({ name: 'none', run: () => null });
const elsewhere = defineTask({ name: 'elsewhere', queue: 'heavy', run: () => null });
const begin = defineTask({
  name: 'begin',
  run: () => {
    begunAt = performance.now();
    return null;
  },
});
const wait = defineTask({
  name: 'wait',
  input: z.object({ key: z.string(), ms: z.number() }),
  run: async ({ key, ms }) => overlap.during(key, async () => pause(ms)),
});
const numbers = (length: number): number[] => Array.from({ length }, (_, index) => index);
const chain = defineExecutor({
  name: 'chain',
  input: z.object({ length: z.number(), turns: z.boolean() }),
  plan: (p, { length, turns }) => p.each(numbers(length), (q, n) => q.run(turns && n % 2 === 1 ? elsewhere : none)),
});
const waits = defineExecutor({
  name: 'waits',
  input: z.object({ ms: z.number() }),
  plan: (p, { ms }) => p.run(wait, { key: 'any', ms }),
});
const gather = defineExecutor({
  name: 'gather',
  input: z.object({ size: z.number() }),
  plan: (p, { size }) => p.group(numbers(size).map(() => (q: typeof p) => q.run(none))).run(none),
});
const throttles = numbers(10).map((n) => defineThrottle({ name: `key${n}`, limit: 4 }));
const keyed = numbers(10).map((n) =>
  defineExecutor({
    name: `keyed${n}`,
    input: z.object({ ms: z.number() }),
    plan: (p, { ms }) =>
      p.throttled(throttles[n] as ThrottleDefinition<unknown>, (q) => q.run(wait, { key: `key${n}`, ms })),
  }),
);

const dataSource = new DataSource({
  type: 'postgres',
  url: process.env['DATABASE_URL'] ?? '',
  entities: [],
  installExtensions: false,
});
const withWorld = process.env['WORLD'] === 'on';
const reeve = defineReeve({
  dataSource,
  redis: process.env['REDIS_URL'],
  executors: [chain, waits, gather, ...keyed],
  tasks: [none, elsewhere, begin, wait],
  queues: { tasks: { concurrency }, heavy: { concurrency }, verbs: { concurrency: 4 } },
  ...(withWorld ? { verbs: {} } : {}),
  ...(process.env['CONTINUATION'] === 'off' ? { continuation: false } : {}),
  ...(process.env['GROUP_COMMIT'] === 'off' ? { groupCommit: false } : {}),
  logger: createLogger('silent'),
});
await reeve.migrate();
if (withWorld) await reeve.world.init();
if (process.env['WORKER'] !== 'off') {
  await reeve.startWorker({ queues: withWorld ? ['verbs'] : ['tasks', 'heavy'] });
}
await reeve.ready();
await dataSource.query('CREATE TABLE IF NOT EXISTS one_row (id bigserial PRIMARY KEY, value text)');

async function ended(started: readonly { readonly executionId: string }[]): Promise<void> {
  await Promise.all(started.map(({ executionId }) => reeve.result(executionId, { timeout: '30m' })));
}

interface Chains {
  readonly count: number;
  readonly length: number;
  readonly turns?: boolean;
}

async function chains({ count, length, turns = false }: Chains): Promise<number> {
  return timed(async () => ended(await Promise.all(numbers(count).map(() => reeve.execute(chain, { length, turns })))));
}

interface Scheduling {
  readonly how: 'one at a time' | '100 callers' | 'in bulk';
  readonly count: number;
  readonly length: number;
}

/** Calls as they come from one caller, from a hundred, or as one transaction with all of them. */
async function called(
  { how, count }: Pick<Scheduling, 'how' | 'count'>,
  call: () => Promise<unknown>,
): Promise<number> {
  const callers = how === 'one at a time' ? 1 : 100;
  return timed(async () => Promise.all(numbers(callers).map(() => inTurn(Math.ceil(count / callers), call))));
}

/** Milliseconds. Nothing of it is run: the length of a chain is the number of steps that are stored. */
async function schedule({ how, count, length }: Scheduling): Promise<number> {
  const input = { length, turns: false };
  if (how !== 'in bulk') return called({ how, count }, async () => reeve.execute(chain, input));
  return timed(async () =>
    dataSource.transaction(async (manager) =>
      reeve.in(manager).executeMany(
        chain,
        numbers(count).map(() => [input]),
      ),
    ),
  );
}

/** What a caller pays anyway: a row of one column, committed. */
async function insert({ how, count }: Pick<Scheduling, 'how' | 'count'>): Promise<number> {
  return called({ how, count }, async () => dataSource.query(`INSERT INTO one_row (value) VALUES ($1)`, ['x']));
}

async function throttle({ tasks, ms }: { readonly tasks: number; readonly ms: number }): Promise<object> {
  overlap.most = 0;
  const taken = await timed(async () =>
    ended(await Promise.all(numbers(tasks).flatMap(() => keyed.map((executor) => reeve.execute(executor, { ms }))))),
  );
  return { ms: taken, most: overlap.most };
}

/** As a console does: the player is looked up once. */
const avatars = new Map<string, number>();
async function command(line: string, player = 'Wizard'): Promise<void> {
  const id = avatars.get(player) ?? (await reeve.world.avatar(player)).id;
  avatars.set(player, id);
  const answer = await reeve.world.command(id, line);
  if (answer.exitStatus !== 0) throw new Error(`${line}: ${answer.error?.message ?? answer.output.join('\n')}`);
}

/** Players in one room, and a verb that calls one other, and one that calls ten. */
async function populate(players: number): Promise<void> {
  for (const n of numbers(players)) await command(`@player Player${n}`);
  await reeve.world.code(
    'Wizard',
    `$.player.addVerb('one', 'return 1'); $.player.addVerb('single', 'this.one()');
     $.player.addVerb('ten', 'for (let i = 0; i < 10; i++) this.one()')`,
  );
}

await contestant(
  { reeve: packageVersion(), node: process.version },
  {
    chains,
    lone: ({ rounds, length }: { rounds: number; length: number }) =>
      inTurn(rounds, async () => chains({ count: 1, length })),
    group: async ({ size }: { size: number }) => timed(async () => ended([await reeve.execute(gather, { size })])),
    throttle,
    schedule,
    insert,
    starts: (args: { count: number; everyMs: number }) =>
      startTimes(args, async () => {
        await ended([await reeve.execute(begin)]);
        return begunAt;
      }),
    later: () => reeve.execute(chain, { length: 10, turns: false }, { countdown: '30d' }),
    waits: async ({ count, ms }: { count: number; ms: number }) =>
      timed(async () => ended(await Promise.all(numbers(count).map(() => reeve.execute(waits, { ms }))))),
    commands: ({ line, count }: { line: string; count: number }) =>
      inTurn(count, async () => timed(async () => command(line))),
    populate: async ({ players }: { players: number }) => populate(players),
    conversation: async ({ players, each }: { players: number; each: number }) =>
      timed(async () =>
        Promise.all(numbers(players).map((n) => inTurn(each, async () => command('look', `Player${n}`)))),
      ),
  },
);
