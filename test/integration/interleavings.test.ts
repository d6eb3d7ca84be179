import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import {
  createLogger,
  defineActionExecutor,
  defineExecutor,
  defineReeve,
  defineTask,
  defineThrottle,
} from '../../src/index.ts';
import { newClaimToken, newId } from '../../src/core/ids.ts';
import { storeError } from '../../src/core/stored-error.ts';
import { cancelExecution } from '../../src/executions/cancel-execution.ts';
import { takeStep } from '../../src/executions/claim-step.ts';
import type { ClaimedStep } from '../../src/executions/claimed-step.ts';
import { endScopes } from '../../src/executions/end-scopes.ts';
import { finishStep } from '../../src/executions/finish-step.ts';
import { checkInvariants } from '../../src/executions/invariants.ts';
import type { LedgerPool } from '../../src/executions/ledger-pool.ts';
import { admitWaiting } from '../../src/executions/permits.ts';
import { CommitNudge } from '../../src/reeve-commit-nudge.ts';
import { makeEngine, type Engine } from '../../src/reeve-engine.ts';
import { makeDatabase } from '../support/bundle.ts';
import { testRandom } from '../support/random.ts';
import { SteppedPool } from '../support/stepped-pool.ts';
import { InstanceSchema, Outside, testResources, Volume } from '../support/volume.ts';

/**
 * Five executions: one runs with a permit, so does one that owns nothing, one lost its worker with a permit, one waits for
 * one, one is ready to begin.
 */
interface World {
  readonly ids: Readonly<Record<'holder' | 'bare' | 'lost' | 'waiter' | 'fresh', string>>;
  readonly held: ClaimedStep;
  readonly heldBare: ClaimedStep;
  readonly expired: ClaimedStep;
}

let dataSource: DataSource;
let engine: Engine;
let a: SteppedPool;
let b: SteppedPool;
let drop: () => Promise<void>;

const { volume } = testResources(new Outside());
const three = defineThrottle({ name: 'three', limit: 3 });
const throttled = defineActionExecutor(volume, { name: 'throttled', throttle: three, plan: (p) => p.call('rename') });
const nothing = defineTask({ name: 'nothing', run: () => null });
const bare = defineExecutor({ name: 'bare', plan: (p) => p.throttled(three, (q) => q.run(nothing)) });
const plain = defineActionExecutor(volume, { name: 'plain', plan: (p) => p.call('rename').call('create') });

beforeAll(async () => {
  const database = await makeDatabase();
  drop = database.drop;
  const entities = [Volume, InstanceSchema];
  dataSource = new DataSource({
    type: 'postgres',
    url: database.url,
    entities,
    synchronize: true,
    installExtensions: false,
  });
  const reeve = defineReeve({
    dataSource,
    executors: [throttled, plain, bare],
    tasks: [nothing],
    logger: createLogger('silent'),
  });
  await dataSource.initialize();
  await reeve.migrate();
  const ignore = (): void => undefined;
  const hooks = { nudges: new CommitNudge(ignore), onCanceled: ignore, onEnded: ignore, onDue: ignore };
  engine = await makeEngine(reeve.options, createLogger('silent'), hooks);
  [a, b] = [new SteppedPool(dataSource), new SteppedPool(dataSource)];
});

afterAll(async () => {
  await Promise.all([a.close(), b.close()]);
  await engine.relay.stop();
  await engine.broker.close();
  await engine.heartbeatPool.close();
  await engine.pool.close();
  await dataSource.destroy();
  await drop();
});

async function claim(pool: LedgerPool, executionId: string): Promise<ClaimedStep | undefined> {
  const position = executionId === '' ? 0 : 1;
  const { rows } = await engine.pool.query<{ position: number; delivery: number }>(
    `SELECT position, delivery FROM reeve.step WHERE execution_id = $1 AND state = 'ready' ORDER BY position`,
    [executionId],
  );
  const answer = await takeStep(pool, engine.writes, {
    executionId,
    position: rows[0]?.position ?? position,
    delivery: rows[0]?.delivery ?? 1,
    token: newClaimToken(),
    workerId: newId(),
    leaseMs: 30_000,
    tasks: engine.tasks.allNames(),
    resourceTypes: engine.resources.types(),
    loneFrom: 2,
  });
  return answer.kind === 'claimed' ? answer.step : undefined;
}

async function makeWorld(): Promise<World> {
  const start = async (executor: typeof throttled): Promise<string> =>
    dataSource.transaction(async (manager) => {
      const row = await manager.save(Volume, { name: 'v', state: 'ok' } as Volume);
      return (await engine.starts.in(manager, executor, [row.id])).executionId;
    });
  const ids = {
    holder: await start(throttled),
    bare: (await engine.starts.alone(bare, [])).executionId,
    lost: await start(throttled),
    waiter: await start(throttled),
    fresh: await start(plain),
  };
  await admitWaiting(engine.pool, engine.writes);
  const held = await claim(engine.pool, ids.holder);
  const heldBare = await claim(engine.pool, ids.bare);
  const expired = await claim(engine.pool, ids.lost);
  await engine.pool.query(`UPDATE reeve.step SET lease_until = clock_timestamp() - interval '1 second'
    WHERE execution_id = '${ids.lost}' AND state = 'running'`);
  if (held === undefined || heldBare === undefined || expired === undefined) {
    throw new Error('the world could not be made');
  }
  return { ids, held, heldBare, expired };
}

const claimant = {
  workerId: newId(),
  leaseMs: 30_000,
  tasks: ['nothing'],
  resourceTypes: ['volume'],
  loneFrom: 2,
};

/** As completions do it: together with others where that is possible, else alone. */
async function endScope(pool: LedgerPool, step: ClaimedStep): Promise<unknown> {
  const { executionId, position, token, next, queue } = step;
  const end = { executionId, position, token, next, queue, result: null, poll: null, nextToken: newClaimToken() };
  const ended = await endScopes(pool, engine.writes, { wanted: [end], claimant });
  if (ended.has(token)) return undefined;
  return finishStep(pool, engine.writes, { step, outcome: { kind: 'succeeded', result: null } });
}

const error = storeError(new Error('gone'));
const operations: Readonly<Record<string, (pool: LedgerPool, world: World) => Promise<unknown>>> = {
  'P2 admit': (pool) => admitWaiting(pool, engine.writes),
  'P3 claim what begins': (pool, { ids }) => claim(pool, ids.fresh),
  'P4 finish the holder': (pool, { held }) =>
    finishStep(pool, engine.writes, { step: held, outcome: { kind: 'succeeded', result: null } }),
  'P4 end the scope of what owns nothing': (pool, { heldBare }) => endScope(pool, heldBare),
  'P5 fail what owns nothing': (pool, { heldBare }) =>
    finishStep(pool, engine.writes, { step: heldBare, outcome: { kind: 'failed', error } }),
  'P9 cancel what owns nothing': (pool, { ids }) => cancelExecution(pool, engine.writes, ids.bare, {}),
  'P5 fail the holder': (pool, { held }) =>
    finishStep(pool, engine.writes, { step: held, outcome: { kind: 'failed', error } }),
  'P6 reap the lost one': (pool, { expired }) =>
    finishStep(pool, engine.writes, { step: expired, outcome: { kind: 'failed', error }, expiredOnly: true }),
  'P9 cancel the holder': (pool, { ids }) => cancelExecution(pool, engine.writes, ids.holder, {}),
  'P9 cancel the waiter': (pool, { ids }) => cancelExecution(pool, engine.writes, ids.waiter, {}),
  'P9 cancel the fresh one': (pool, { ids }) => cancelExecution(pool, engine.writes, ids.fresh, {}),
};

/** One case: the first stops before its n-th statement, the second runs as far as it can, then both end. */
async function interleave(first: string, second: string, stopAt: number): Promise<'reached' | 'ended before'> {
  const world = await makeWorld();
  a.arm(stopAt);
  b.arm(Number.POSITIVE_INFINITY);
  const one = operations[first]?.(a, world);
  const reached = await Promise.race([a.stopped.promise.then(() => true), Promise.resolve(one).then(() => false)]);
  const other = operations[second]?.(b, world);
  await Promise.race([other, pause(15)]);
  a.go.resolve();
  await Promise.all([one, other]);
  await admitWaiting(engine.pool, engine.writes);
  const violations = await checkInvariants(engine.pool, engine.resources.checks());
  expect({ first, second, stopAt, deadlocks: [...a.deadlocks, ...b.deadlocks], violations }).toEqual({
    first,
    second,
    stopAt,
    deadlocks: [],
    violations: [],
  });
  for (const table of ['reeve.event', 'reeve.execution', 'reeve.throttle', 'volume']) {
    await engine.pool.query(`DELETE FROM ${table}`);
  }
  return reached ? 'reached' : 'ended before';
}

/** Every stop of every pair takes minutes: `REEVE_TEST_ALL_INTERLEAVINGS=1`. Else each fourth one, from a seeded start. */
const stride = process.env['REEVE_TEST_ALL_INTERLEAVINGS'] === undefined ? 4 : 1;

describe('two transactions that meet', () => {
  it.each(Object.keys(operations))(
    '%s, stopped before each of its statements, meets each of the others: no deadlock, no broken rule',
    async (first) => {
      const random = testRandom(`interleavings of "${first}"`);
      let cases = 0;
      for (const second of Object.keys(operations)) {
        if (second === first) continue;
        for (let stopAt = random.int(1, stride); ; stopAt += stride) {
          cases += 1;
          if ((await interleave(first, second, stopAt)) === 'ended before') break;
        }
      }
      process.stderr.write(`interleavings of "${first}": ${cases}\n`);
      expect(cases).toBeGreaterThan(Object.keys(operations).length - 2);
    },
    180_000,
  );
});
