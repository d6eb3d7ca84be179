import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { z } from 'zod';
import { createLogger, defineBackgroundTask, defineExecutor, defineTask, defineThrottle } from '../../src/index.ts';
import { newClaimToken, newId } from '../../src/core/ids.ts';
import type { Connection, Rows } from '../../src/executions/connection.ts';
import { LedgerPool, poolConfigOf } from '../../src/executions/ledger-pool.ts';
import { advanceOnce } from '../../src/executions/sql/advance-steps.ts';
import { claimStep } from '../../src/executions/sql/claim-step.ts';
import { claimSteps } from '../../src/executions/sql/claim-steps.ts';
import { dropReleased } from '../../src/executions/sql/drop-permits.ts';
import { endSteps } from '../../src/executions/sql/end-steps.ts';
import { enterScopes } from '../../src/executions/sql/enter-scopes.ts';
import { findLiveKeys, lookForKey } from '../../src/executions/sql/find-live-keys.ts';
import { startBackground, type WantedRun } from '../../src/executions/sql/start-background.ts';
import { listPlainLines } from '../../src/executions/sql/list-lines-of.ts';
import { lockExecutions } from '../../src/executions/sql/lock-executions.ts';
import { markPublished } from '../../src/executions/sql/mark-published.ts';
import { moveOn } from '../../src/executions/sql/move-on.ts';
import { makeBundle, type Bundle } from '../support/bundle.ts';

const backlog = 3_000;
const echo = defineTask({ name: 'echo', run: () => null });
const keyed = defineBackgroundTask({ name: 'keyed', input: z.number(), key: String, run: () => null });
const closed = defineThrottle({ name: 'closed', limit: 0 });
const throttled = defineExecutor({ name: 'throttled', plan: (p) => p.throttled(closed, (q) => q.run(echo)) });
const chain = defineExecutor({ name: 'chain', plan: (p) => p.run(echo).run(echo) });

let bundle: Bundle;
let pool: LedgerPool;
/** One of those that are ready, and one of those that stand in line. */
let executionId = '';
let waiting = '';

async function start(executor: typeof chain, count: number): Promise<readonly string[]> {
  const started = await bundle.dataSource.transaction((manager) =>
    bundle.reeve.in(manager).executeMany(
      executor,
      Array.from({ length: count }, () => []),
    ),
  );
  return started.map((one) => one.executionId);
}

async function startKeyed(from: number, to: number): Promise<void> {
  await Promise.all(Array.from({ length: to - from }, (_, n) => bundle.reeve.execute(keyed, from + n)));
}

/** Plans are made, and kept, while the ledger is small; then comes the backlog. */
beforeAll(async () => {
  bundle = await makeBundle('postgres', { executors: [chain, throttled], tasks: [echo, keyed] });
  // One connection, which keeps its plans however long the backlog takes to come.
  const one = { ...poolConfigOf(bundle.dataSource), max: 1, idleTimeoutMillis: 0 };
  pool = new LedgerPool(one, 'reeve', createLogger('silent'));
  [executionId = ''] = await start(chain, 20);
  [waiting = ''] = await start(throttled, 20);
  await startKeyed(0, 20);
  await bundle.query('VACUUM ANALYZE reeve.step, reeve.execution, reeve.permit');
  for (const run of Object.values(statements)) await blocksOf(run);
  executionId = (await start(chain, backlog))[backlog / 2] ?? '';
  waiting = (await start(throttled, backlog))[backlog / 2] ?? '';
  await startKeyed(20, backlog);
}, 60_000);

afterAll(async () => {
  await pool.close();
  await bundle[Symbol.asyncDispose]();
});

interface Plan {
  readonly 'QUERY PLAN': readonly { readonly Plan: { readonly [name: string]: number } }[];
}

function literal(value: unknown): string {
  if (value === null) return 'NULL';
  const text = Array.isArray(value)
    ? `{${value.map((one) => (one === null ? 'NULL' : JSON.stringify(one))).join(',')}}`
    : `${value as string | number | boolean}`;
  return `'${text.replaceAll("'", "''")}'`;
}

class RolledBack extends Error {}

/** Names of statements that the connection has prepared, by their texts. */
const kept = new Map<string, string>();

/**
 * How many blocks a statement reads with the plan that the connection keeps for it: it is run, the plan is answered instead
 * of its rows, and nothing of it stays.
 */
async function blocksOf(run: (connection: Connection) => Promise<unknown>): Promise<number> {
  const blocks: number[] = [];
  const explained = pool.transaction(async (connection) => {
    await connection.query('SET LOCAL plan_cache_mode = force_generic_plan');
    await run({
      schema: 'reeve',
      async query<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Rows<Row>> {
        const name = kept.get(text) ?? `kept_${kept.size}`;
        if (!kept.has(text)) await connection.query(`PREPARE ${name} AS ${text}`);
        kept.set(text, name);
        const given = params.map((param) => literal(param)).join(', ');
        const { rows } = await connection.query<Plan>(
          `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE ${name}(${given})`,
        );
        const plan = rows[0]?.['QUERY PLAN'][0]?.Plan;
        blocks.push((plan?.['Shared Hit Blocks'] ?? Number.NaN) + (plan?.['Shared Read Blocks'] ?? Number.NaN));
        return { rows: [], count: 0 };
      },
    });
    throw new RolledBack();
  });
  await expect(explained).rejects.toThrow(RolledBack);
  return Math.max(...blocks);
}

const workerId = newId();
const token = newClaimToken();
const continuing = { workerId, leaseMs: 30_000, tasks: ['echo'], resourceTypes: [], loneFrom: 2 };
const place = { position: 0, delivery: 1, queue: 'tasks', priority: 0, epoch: 1 };
const texts = { result: null, poll: null };

const wanted: WantedRun = {
  execution: {
    id: newId(),
    executor: 'pull',
    executorVersion: 1,
    kind: 'background',
    planHash: '',
    resourceType: null,
    resourceId: null,
    exclusive: false,
    input: null,
    facts: {},
    uniqueKey: 'pull:new',
    idempotencyKey: null,
    idempotencyMs: 0,
    requestHash: '',
    weight: 'regular',
    priority: 0,
    context: {},
    deadlineMs: null,
    parent: null,
  },
  steps: [],
  countdownMs: 0,
  remember: null,
  askedAgain: false,
  rememberedToken: null,
};

const statements: Readonly<Record<string, (connection: Connection) => Promise<unknown>>> = {
  'a publication is marked': (c) => markPublished(c, [{ executionId, ...place }]),
  'a step is claimed': (c) => claimSteps(c, [{ executionId, position: 0, delivery: 1, token }], continuing),
  'a step that begins a resource is claimed': (c) =>
    claimStep(c, { executionId, position: 0, delivery: 1, token, ...continuing }, true),
  'a chain moves on': (c) =>
    moveOn(
      c,
      [{ executionId, position: 0, token, ...texts, next: 1, leadsToEnd: false, nextToken: token }],
      continuing,
    ),
  'executions are locked': (c) => lockExecutions(c, [executionId], 'update'),
  'steps end together': (c) => endSteps(c, [{ executionId, position: 0, token, ...texts }]),
  'what is behind them advances': (c) => advanceOnce(c, [{ executionId, position: 2 }]),
  'the lines of executions are looked up': (c) => listPlainLines(c, [waiting]),
  'scopes are entered': (c) => enterScopes(c, [{ executionId: waiting, position: 0 }]),
  'live keys are looked up': (c) => findLiveKeys(c, ['pull:old', 'pull:new']),
  'a key is looked for that others may race for': (c) => lookForKey(c, 'pull:new', 1_000),
  'a background task is started': (c) => startBackground(c, [wanted], { lockTimeoutMs: 1_000, rivals: 'wait' }),
  'a background task is raced for': (c) => startBackground(c, [wanted], { lockTimeoutMs: 1_000, rivals: 'pass' }),
  'permits are dropped': (c) => dropReleased(c, [waiting], []),
};

it.each(Object.entries(statements))(
  'beside a backlog that came after the plans were made, %s by keys: few blocks are read',
  async (_what, run) => {
    expect(await blocksOf(run)).toBeLessThan(80);
  },
);
