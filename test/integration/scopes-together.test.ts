import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger, defineExecutor, defineTask, defineThrottle } from '../../src/index.ts';
import { newClaimToken, newId } from '../../src/core/ids.ts';
import type { ClaimedStep } from '../../src/executions/claimed-step.ts';
import { takeStep } from '../../src/executions/claim-step.ts';
import { Completions } from '../../src/executions/completions.ts';
import type { Connection } from '../../src/executions/connection.ts';
import type { FinishAnswer } from '../../src/executions/finish-step.ts';
import { findStepOfToken } from '../../src/executions/sql/find-claimed-step.ts';
import { checkInvariants } from '../../src/executions/invariants.ts';
import { CommitUnknown, LedgerPool, poolConfigOf } from '../../src/executions/ledger-pool.ts';
import { admitWaiting } from '../../src/executions/permits.ts';
import { CommitNudge } from '../../src/reeve-commit-nudge.ts';
import { makeEngine, type Engine } from '../../src/reeve-engine.ts';
import { ActiveClaim } from '../../src/workers/active-claims.ts';
import { completeStep } from '../../src/workers/complete-step.ts';
import { makeBundle, type Bundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { SteppedPool } from '../support/stepped-pool.ts';

const limit = 10;
const echo = defineTask({ name: 'echo', run: () => 'said' });
const elsewhere = defineTask({ name: 'elsewhere', queue: 'heavy', run: () => 'said' });
const ten = defineThrottle({ name: 'ten', limit });
const one = defineThrottle({ name: 'one', limit: 1 });
const many = defineExecutor({ name: 'many', plan: (p) => p.throttled(ten, (q) => q.run(echo)) });
const lone = defineExecutor({ name: 'lone', plan: (p) => p.throttled(one, (q) => q.run(echo)).run(echo) });
const away = defineExecutor({ name: 'away', plan: (p) => p.throttled(one, (q) => q.run(elsewhere)) });

/** Whose connection is lost after its next transaction was committed, before it was told. */
class DeafPool extends LedgerPool {
  isDeaf = true;

  override async transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const answer = await super.transaction(work);
    if (!this.isDeaf) return answer;
    this.isDeaf = false;
    throw new CommitUnknown('the connection was lost during COMMIT');
  }
}

let bundle: Bundle;
let engine: Engine;

beforeAll(async () => {
  bundle = await makeBundle('postgres', { executors: [many, lone, away], tasks: [echo, elsewhere] });
  const nothing = (): void => undefined;
  const hooks = { nudges: new CommitNudge(nothing), onCanceled: nothing, onEnded: nothing, onDue: nothing };
  engine = await makeEngine(bundle.reeve.options, createLogger('silent'), hooks);
});

afterAll(async () => {
  await engine.relay.stop();
  await engine.broker.close();
  await engine.heartbeatPool.close();
  await engine.pool.close();
  await bundle[Symbol.asyncDispose]();
});

const tasks = ['echo', 'elsewhere'];
const claimant = { workerId: newId(), leaseMs: 30_000, tasks, resourceTypes: [], loneFrom: 2 };
const success = { kind: 'succeeded', result: 'said' } as const;

function completionsOn(pool: LedgerPool): Completions {
  return new Completions({ pool, writes: engine.writes, groupLimit: 200, continuing: claimant });
}

/** So many operations, one after another in their line; those that may are let in. */
async function started(executor: typeof many, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push((await bundle.reeve.execute(executor)).executionId);
  await admitWaiting(engine.pool, engine.writes);
  return ids;
}

async function claimed(executionId: string, position: number): Promise<ClaimedStep> {
  const wish = { executionId, position, delivery: 1, token: newClaimToken(), ...claimant };
  const answer = await takeStep(engine.pool, engine.writes, wish);
  if (answer.kind !== 'claimed') throw new Error(`step ${position} is ${answer.kind}`);
  return answer.step;
}

/** What a completion has claimed before. */
async function claimedStep(executionId: string): Promise<ClaimedStep> {
  const [row] = await bundle.query<{ claim_token: string }>(
    `SELECT claim_token FROM reeve.step WHERE execution_id = '${executionId}' AND state = 'running'`,
  );
  const step = await findStepOfToken(engine.pool, claimant.workerId, row?.claim_token ?? '');
  if (step === undefined) throw new Error(`nothing of ${executionId} runs`);
  return step;
}

/** What a finish has led to, in short. */
function led(answer: FinishAnswer | undefined): object {
  if (answer?.kind !== 'finished') throw new Error(answer?.kind ?? 'no answer');
  const { executionEnded, continued, ready } = answer;
  return { executionEnded, continued: continued?.executionId, ready: ready.map((step) => step.executionId) };
}

async function end(answers: readonly FinishAnswer[]): Promise<void> {
  const next = answers.flatMap((answer) => (answer.kind === 'finished' ? (answer.continued ?? []) : []));
  if (next.length === 0) return;
  const completions = completionsOn(engine.pool);
  await end(await Promise.all(next.map((step) => completions.finish(step, success, newClaimToken()))));
}

describe('the ends of scopes that come at the same time', () => {
  it('share a transaction of a few statements, and this process goes on with whoever was let in instead', async () => {
    const ids = await started(many, 2 * limit);
    const steps = await Promise.all(ids.slice(0, limit).map((id) => claimed(id, 1)));
    const pool = new SteppedPool(bundle.dataSource);
    pool.arm(Number.POSITIVE_INFINITY);
    const completions = completionsOn(pool);
    const answers = await Promise.all(steps.map((step) => completions.finish(step, success, newClaimToken())));
    expect(pool.statements).toBeLessThan(20);
    expect(answers.map((answer) => led(answer))).toEqual(
      steps.map((_step, n) => ({ executionEnded: 'succeeded', continued: ids[limit + n], ready: [] })),
    );
    expect(await bundle.query(`SELECT held FROM reeve.throttle WHERE key = 'ten'`)).toEqual([{ held: limit }]);
    expect(await checkInvariants(engine.pool, [])).toEqual([]);
    await end(answers);
    for (const id of ids) expect((await bundle.reeve.execution(id)).state).toBe('succeeded');
    await pool.close();
  });

  it('let nobody go on here who wants another queue, and nobody at all where that is not asked for', async () => {
    const [first = '', second = ''] = await started(away, 2);
    const [third = ''] = await started(lone, 1);
    const completions = completionsOn(engine.pool);
    const answer = await completions.finish(await claimed(first, 1), success, null);
    expect(led(answer)).toEqual({ executionEnded: 'succeeded', continued: undefined, ready: [second] });
    const other = await completions.finish(await claimed(second, 1), success, newClaimToken());
    expect(led(other)).toEqual({ executionEnded: 'succeeded', continued: undefined, ready: [third] });
    const last = await completions.finish(await claimed(third, 1), success, newClaimToken());
    expect(led(last)).toEqual({ executionEnded: undefined, continued: third, ready: [] });
    await end([last]);
    expect(await bundle.query(`SELECT held FROM reeve.throttle WHERE key = 'one'`)).toEqual([{ held: 0 }]);
  });

  it('say that somebody may have passed a line while it was full, when it is not any more', async () => {
    const [first = '', second = ''] = await started(many, 2);
    const rest = await started(many, limit - 2);
    const [next = ''] = await started(many, 1);
    const steps = [await claimed(first, 1), await claimed(second, 1)];
    const completions = completionsOn(engine.pool);
    const answers = await Promise.all(steps.map((step) => completions.finish(step, success, newClaimToken())));
    expect(answers.map((answer) => led(answer))).toMatchObject([{ continued: next }, { continued: undefined }]);
    expect(answers.map((answer) => answer.kind === 'finished' && answer.waits)).toContain(true);
    const [held = ''] = rest;
    const last = await completions.finish(await claimed(held, 1), success, null);
    expect(last).toMatchObject({ ready: [], waits: false });
    await end(answers);
    for (const id of rest.slice(1)) await bundle.reeve.cancel(id);
  });

  it('make whoever pauses what they go on with wait for them, as a claim does', async () => {
    const pool = new SteppedPool(bundle.dataSource);
    const completions = completionsOn(pool);
    const [first = '', second = '', third = ''] = await started(away, 3);
    pool.arm(Number.POSITIVE_INFINITY);
    const answer = await completions.finish(await claimed(first, 1), success, newClaimToken());
    expect(led(answer)).toMatchObject({ continued: second });
    pool.arm(pool.statements);
    const step = await claimedStep(second);
    const finish = completions.finish(step, success, newClaimToken());
    await pool.stopped.promise;
    let isPaused = false;
    const pausing = bundle.reeve.pause(third).then(() => {
      isPaused = true;
    });
    await eventually(async () => {
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
      expect(await bundle.query(waiting)).not.toEqual([]);
    });
    expect(isPaused).toBe(false);
    pool.go.resolve();
    await pausing;
    expect(led(await finish)).toMatchObject({ continued: third });
    await pool.close();
    await bundle.reeve.resume(third);
    await end([await finish]);
  });

  it('whose answer is lost have claimed the step of another for whoever asked, and he goes on with it', async () => {
    const [first = '', second = ''] = await started(lone, 2);
    const step = await claimed(first, 1);
    const pool = new DeafPool(poolConfigOf(bundle.dataSource), 'reeve', createLogger('silent'));
    const nextToken = newClaimToken();
    const environment = { pool, completions: completionsOn(pool), logger: createLogger('silent'), nextToken };
    const answer = await completeStep(new ActiveClaim(step), success, environment);
    expect(pool.isDeaf).toBe(false);
    expect(led(answer)).toMatchObject({ continued: first });
    const behind = answer.kind === 'finished' ? answer.continued : undefined;
    if (behind === undefined) throw new Error('nothing goes on');
    await end([await completionsOn(engine.pool).finish(behind, success, null)]);
    expect((await bundle.reeve.execution(first)).state).toBe('succeeded');

    pool.isDeaf = true;
    const token = newClaimToken();
    const [third = ''] = await started(lone, 1);
    const held = await claimed(second, 1);
    // Its own next step is claimed by somebody else, so that only the step of another is left to go on with.
    await bundle.query(`UPDATE reeve.step SET queue = 'heavy' WHERE execution_id = $1 AND position = 3`, [second]);
    const again = await completeStep(new ActiveClaim(held), success, { ...environment, nextToken: token });
    expect(again).toMatchObject({ continued: { executionId: third, position: 1, token, attempt: 1 } });
    await end([again]);
    expect((await bundle.reeve.execution(third)).state).toBe('succeeded');
  });

  it('leave a stale token, and an execution that somebody holds, to completions of their own', async () => {
    const [first = '', second = ''] = await started(many, 2);
    const [stale, held] = [await claimed(first, 1), await claimed(second, 1)];
    await bundle.query(`UPDATE reeve.step SET claim_token = gen_random_uuid() WHERE claim_token = $1`, [stale.token]);
    const rival = bundle.dataSource.createQueryRunner();
    await rival.startTransaction();
    await rival.query(`SELECT 1 FROM reeve.execution WHERE id = $1 FOR SHARE`, [second]);
    const completions = completionsOn(engine.pool);
    const answers = Promise.all([stale, held].map((step) => completions.finish(step, success, null)));
    await rival.commitTransaction();
    await rival.release();
    expect((await answers).map(({ kind }) => kind)).toEqual(['stale', 'finished']);
    expect((await bundle.reeve.execution(second)).state).toBe('succeeded');
    await bundle.reeve.cancel(first);
  });
});
