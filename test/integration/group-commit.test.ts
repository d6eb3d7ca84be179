import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger, defineExecutor, defineTask } from '../../src/index.ts';
import { newClaimToken, newId } from '../../src/core/ids.ts';
import { cancelExecution } from '../../src/executions/cancel-execution.ts';
import { takeStep } from '../../src/executions/claim-step.ts';
import type { ClaimedStep } from '../../src/executions/claimed-step.ts';
import { Completions } from '../../src/executions/completions.ts';
import type { Rows } from '../../src/executions/connection.ts';
import type { FinishAnswer } from '../../src/executions/finish-step.ts';
import { checkInvariants } from '../../src/executions/invariants.ts';
import { LedgerPool, poolConfigOf } from '../../src/executions/ledger-pool.ts';
import { pauseExecution, resumeExecution } from '../../src/executions/pause-execution.ts';
import { CommitNudge } from '../../src/reeve-commit-nudge.ts';
import { makeEngine, type Engine } from '../../src/reeve-engine.ts';
import { ActiveClaim } from '../../src/workers/active-claims.ts';
import { completeStep } from '../../src/workers/complete-step.ts';
import { makeBundle, type Bundle } from '../support/bundle.ts';
import { SteppedPool } from '../support/stepped-pool.ts';

const echo = defineTask({ name: 'echo', run: () => 'said' });
const chain = defineExecutor({ name: 'chain', plan: (p) => p.run(echo, undefined).run(echo, undefined) });
const wide = defineExecutor({
  name: 'wide',
  plan: (p) => p.group([(q) => q.run(echo, undefined), (q) => q.run(echo, undefined)]).run(echo, undefined),
});

/** Whose connection is lost after its next completion was committed, before it was told. */
class DeafPool extends LedgerPool {
  isDeaf = false;

  override async query<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Rows<Row>> {
    const answer = await super.query<Row>(text, params);
    if (!this.isDeaf || !text.includes('ended_executions')) return answer;
    this.isDeaf = false;
    throw Object.assign(new Error('the connection was lost'), { code: 'ECONNRESET' });
  }
}

let bundle: Bundle;
let engine: Engine;
let deaf: DeafPool;

beforeAll(async () => {
  bundle = await makeBundle('postgres', { executors: [chain, wide], tasks: [echo] });
  const nothing = (): void => undefined;
  const hooks = { nudges: new CommitNudge(nothing), onCanceled: nothing, onEnded: nothing, onDue: nothing };
  engine = await makeEngine(bundle.reeve.options, createLogger('silent'), hooks);
  deaf = new DeafPool(poolConfigOf(bundle.dataSource), 'reeve', createLogger('silent'));
});

afterAll(async () => {
  await deaf.close();
  await engine.relay.stop();
  await engine.broker.close();
  await engine.heartbeatPool.close();
  await engine.pool.close();
  await bundle[Symbol.asyncDispose]();
});

const workerId = newId();
const claimant = { workerId, leaseMs: 30_000, tasks: ['echo'], resourceTypes: [], loneFrom: 2 };

function completionsOn(pool: LedgerPool): Completions {
  return new Completions({ pool, writes: engine.writes, groupLimit: 200, continuing: claimant });
}

async function claimed(executionId: string, position: number): Promise<ClaimedStep> {
  const token = newClaimToken();
  const wish = { executionId, position, delivery: 1, token, ...claimant };
  const answer = await takeStep(engine.pool, engine.writes, wish);
  if (answer.kind !== 'claimed') throw new Error(`step ${position} is ${answer.kind}`);
  return answer.step;
}

const success = { kind: 'succeeded', result: 'said' } as const;

async function statesOf(executionId: string): Promise<string[]> {
  return (await bundle.reeve.execution(executionId)).steps.map(({ state }) => state);
}

describe('a shared completion', () => {
  it('ends many steps of many executions in one statement, and goes on with those that were asked for', async () => {
    const ids = [];
    for (let n = 0; n < 20; n += 1) ids.push((await bundle.reeve.execute(chain)).executionId);
    const steps = await Promise.all(ids.map((id) => claimed(id, 0)));
    const pool = new SteppedPool(bundle.dataSource);
    pool.arm(Number.POSITIVE_INFINITY);
    const completions = completionsOn(pool);
    const tokens = steps.map((_step, n) => (n % 2 === 0 ? newClaimToken() : null));
    const answers = await Promise.all(steps.map((step, n) => completions.finish(step, success, tokens[n] ?? null)));
    expect(pool.statements).toBe(1);
    for (const [n, answer] of answers.entries()) {
      if (answer.kind !== 'finished') throw new Error(answer.kind);
      expect([answer.continued?.token ?? null, answer.ready.length]).toEqual([tokens[n], n % 2]);
    }
    const second = answers.flatMap((answer) => (answer.kind === 'finished' ? (answer.continued ?? []) : []));
    const ended = await Promise.all(second.map((step) => completions.finish(step, success, newClaimToken())));
    expect(pool.statements).toBe(2);
    expect(ended.map((answer) => answer.kind === 'finished' && answer.executionEnded)).toEqual(
      second.map(() => 'succeeded'),
    );
    expect(await checkInvariants(engine.pool, [])).toEqual([]);
    await pool.close();
  });

  it('leaves a stale token and what is not simple to completions of their own', async () => {
    const stale = await claimed((await bundle.reeve.execute(chain)).executionId, 0);
    await engine.pool.query(`UPDATE reeve.step SET claim_token = gen_random_uuid() WHERE claim_token = $1`, [
      stale.token,
    ]);
    const { executionId } = await bundle.reeve.execute(wide);
    const members = [await claimed(executionId, 0), await claimed(executionId, 1)];
    const good = await claimed((await bundle.reeve.execute(chain)).executionId, 0);
    const completions = completionsOn(engine.pool);
    const answers = await Promise.all([stale, ...members, good].map((step) => completions.finish(step, success, null)));
    expect(answers.map(({ kind }) => kind)).toEqual(['stale', 'finished', 'finished', 'finished']);
    expect((await statesOf(executionId)).slice(0, 3)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    expect((await statesOf(good.executionId)).slice(0, 2)).toEqual(['succeeded', 'ready']);
    expect(await checkInvariants(engine.pool, [])).toEqual([]);
  });

  it('refuses a result that cannot be stored alone, and stores those beside it', async () => {
    const steps = [];
    for (let n = 0; n < 3; n += 1) steps.push(await claimed((await bundle.reeve.execute(chain)).executionId, 0));
    const completions = completionsOn(engine.pool);
    const results = ['one', 'a \u0000 in it', 'three'];
    const answers = await Promise.allSettled(
      steps.map((step, n) => completions.finish(step, { kind: 'succeeded', result: results[n] ?? null }, null)),
    );
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await Promise.all(steps.map(async (step) => (await statesOf(step.executionId))[0]))).toEqual([
      'succeeded',
      'running',
      'succeeded',
    ]);
  });

  it('whose answer is lost has claimed the next step for whoever asked, and he goes on with it', async () => {
    const step = await claimed((await bundle.reeve.execute(chain)).executionId, 0);
    const nextToken = newClaimToken();
    deaf.isDeaf = true;
    const answer = await completeStep(new ActiveClaim(step), success, {
      pool: deaf,
      completions: completionsOn(deaf),
      logger: createLogger('silent'),
      nextToken,
    });
    expect(deaf.isDeaf).toBe(false);
    expect(answer).toMatchObject({ kind: 'finished', continued: { position: 1, token: nextToken, attempt: 1 } });
    expect((await statesOf(step.executionId)).slice(0, 2)).toEqual(['succeeded', 'running']);
  });

  it('whose answer comes so late that the heartbeat takes the step for lost is found all the same', async () => {
    const step = await claimed((await bundle.reeve.execute(chain)).executionId, 0);
    const nextToken = newClaimToken();
    const claim = new ActiveClaim(step);
    claim.abort('lost');
    deaf.isDeaf = true;
    const answer = await completeStep(claim, success, {
      pool: deaf,
      completions: completionsOn(deaf),
      logger: createLogger('silent'),
      nextToken,
    });
    expect(answer).toMatchObject({ kind: 'finished', continued: { position: 1, token: nextToken } });
  });
});

describe('a shared completion that meets another transaction', () => {
  type Rival = (pool: LedgerPool, step: ClaimedStep, other: ClaimedStep) => Promise<unknown>;
  const rivals: Readonly<Record<string, Rival>> = {
    cancel: (pool, { executionId }) => cancelExecution(pool, engine.writes, executionId, {}),
    pause: (pool, { executionId }) => pauseExecution(pool, executionId, {}),
    'completion of a step beside it': (pool, _step, other) => completionsOn(pool).finish(other, success, null),
    'failure of a step beside it': (pool, _step, other) =>
      completionsOn(pool).finish(
        other,
        { kind: 'failed', error: { code: 'X', message: 'x', traceback: '', retryable: false, permanent: true } },
        null,
      ),
  };

  it.each(Object.keys(rivals))(
    'a %s, stopped before each of its statements: no deadlock, no broken rule, and all comes to an end',
    async (name) => {
      const [a, b] = [new SteppedPool(bundle.dataSource), new SteppedPool(bundle.dataSource)];
      for (const executor of [chain, wide]) {
        if (executor === chain && name.includes('beside')) continue;
        for (let stopAt = 1; ; stopAt += 1) {
          const { executionId } = await bundle.reeve.execute(executor);
          const step = await claimed(executionId, 0);
          const other = executor === wide ? await claimed(executionId, 1) : step;
          a.arm(stopAt);
          b.arm(Number.POSITIVE_INFINITY);
          const rival = Promise.resolve(rivals[name]?.(a, step, other));
          const isReached = await Promise.race([a.stopped.promise.then(() => true), rival.then(() => false)]);
          const finish = completionsOn(b).finish(step, success, newClaimToken());
          await Promise.race([finish, pause(15)]);
          a.go.resolve();
          const [, answer] = await Promise.all([rival, finish]);
          expect({ stopAt, deadlocks: [...a.deadlocks, ...b.deadlocks] }).toEqual({ stopAt, deadlocks: [] });
          await end(executionId, executor === wide && !name.includes('beside') ? [other] : [], answer);
          expect({ stopAt, violations: await checkInvariants(engine.pool, []) }).toEqual({ stopAt, violations: [] });
          if (!isReached) break;
        }
      }
      await Promise.all([a.close(), b.close()]);
    },
  );

  /** Runs what is left of an execution, as a worker would. */
  async function end(executionId: string, running: readonly ClaimedStep[], last: FinishAnswer): Promise<void> {
    const { state } = await bundle.reeve.execution(executionId);
    if (state === 'paused') await resumeExecution(engine.pool, executionId, {});
    const completions = completionsOn(engine.pool);
    const left = [...running, ...(last.kind === 'finished' && last.continued !== undefined ? [last.continued] : [])];
    for (const step of left) await completions.finish(step, success, null);
    await using other = bundle.another();
    await other.startWorker();
    const outcome = await other.result(executionId, { timeout: '30s' });
    expect(['succeeded', 'canceled', 'failed']).toContain(outcome.state);
  }
});
