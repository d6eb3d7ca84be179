import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { createLogger, defineExecutor, defineTask, type ReeveOptions } from '../../src/index.ts';
import { newClaimToken, newId } from '../../src/core/ids.ts';
import { cancelExecution } from '../../src/executions/cancel-execution.ts';
import { takeStep } from '../../src/executions/claim-step.ts';
import { finishStep } from '../../src/executions/finish-step.ts';
import { claimSteps } from '../../src/executions/sql/claim-steps.ts';
import { parseOptions } from '../../src/reeve-options.ts';
import { CommitNudge } from '../../src/reeve-commit-nudge.ts';
import { makeEngine, type Engine } from '../../src/reeve-engine.ts';
import type { TestReeve } from '../../src/testing/index.ts';
import { withKit } from '../support/kit.ts';
import { SteppedPool } from '../support/stepped-pool.ts';

let whileItRuns = async (): Promise<void> => undefined;
const brief = defineTask({ name: 'brief', run: () => 'done' });
const long = defineTask({ name: 'long', run: () => whileItRuns() });
const child = defineExecutor({ name: 'child', plan: (p) => p.wait('1h').run(brief) });
const parent = defineExecutor({
  name: 'parent',
  plan: (p) => p.group([(q) => q.child(child, null), (q) => q.run(long)]),
});
const two = defineExecutor({ name: 'two', plan: (p) => p.run(brief).run(brief) });
const application = { executors: [parent, child, two], tasks: [brief, long] };

/** The kit, and the parts of an engine beside it, as a process has them that may die between any two transactions. */
async function withEngine(
  use: (kit: TestReeve, engine: Engine, dataSource: DataSource) => Promise<void>,
): Promise<void> {
  await withKit(application, async (kit, dataSource) => {
    const nothing = (): void => undefined;
    const hooks = { nudges: new CommitNudge(nothing), onCanceled: nothing, onEnded: nothing, onDue: nothing };
    const options: ReeveOptions = { dataSource, ...application, publish: false };
    const engine = await makeEngine(parseOptions(options), createLogger('silent'), hooks);
    try {
      await use(kit, engine, dataSource);
    } finally {
      await Promise.all([engine.pool.close(), engine.heartbeatPool.close(), engine.broker.close()]);
    }
  });
}

it('a cancel that the last running step completes leaves no step open that a child has woken meanwhile', async () => {
  await withEngine(async (kit, { pool, writes }) => {
    const { executionId } = await kit.execute(parent);
    // The process of the operator dies after the two cancels, before it would have looked for what is left.
    whileItRuns = async () => {
      await cancelExecution(pool, writes, executionId, {});
      await cancelExecution(pool, writes, (await kit.expectScheduled(child)).id, {});
    };
    await kit.drain();
    const { state, steps } = await kit.reeve.execution(executionId);
    expect(state).toBe('canceled');
    expect(steps.map((step) => step.state)).toEqual(['canceled', 'succeeded', 'canceled', 'canceled']);
  });
});

it('a canceled execution whose child starts in the same moment waits for it, and ends after it', async () => {
  await withEngine(async (kit, { pool, writes, tasks, scheduler }) => {
    const { executionId } = await kit.execute(parent);
    const claim = { token: newClaimToken(), workerId: newId(), leaseMs: 30_000, loneFrom: 2 };
    const known = { tasks: tasks.allNames(), resourceTypes: [] };
    const taken = await takeStep(pool, writes, { executionId, position: 0, delivery: 1, ...claim, ...known });
    if (taken.kind !== 'claimed') throw new Error(`the step is ${taken.kind}`);
    await cancelExecution(pool, writes, executionId, {});
    // What the worker does that has not heard of the cancel yet.
    const started = await kit.reeve.options.dataSource.transaction((manager) =>
      scheduler.schedule(manager, {
        executor: child as never,
        resource: null,
        input: undefined,
        options: { idempotencyKey: 'the child' },
        parent: { executionId, position: 0, awaited: true },
      }),
    );
    const outcome = { kind: 'await', childId: started.executionId } as const;
    await finishStep(pool, writes, { step: taken.step, outcome });
    await kit.checkInvariants();
    await kit.drain();
    expect((await kit.result(started.executionId)).state).toBe('canceled');
    expect((await kit.result(executionId)).state).toBe('canceled');
  });
});

/**
 * Lets `first` stop before each of its statements in turn, while `second` runs as far as it can.
 *
 * @param each - One case: makes what both are about, and looks at what has become of it after `meet`.
 * @returns How many cases there were.
 */
async function meetAtEach(
  stepped: SteppedPool,
  each: (meet: (first: () => Promise<unknown>, second: () => Promise<unknown>) => Promise<void>) => Promise<void>,
): Promise<number> {
  let isReached = true;
  for (let stopAt = 1; ; stopAt += 1) {
    await each(async (first, second) => {
      stepped.arm(stopAt);
      const one = first();
      isReached = await Promise.race([stepped.stopped.promise.then(() => true), one.then(() => false)]);
      const other = second();
      await Promise.race([other, pause(300)]);
      stepped.go.resolve();
      await Promise.all([one, other]);
    });
    if (!isReached) return stopAt - 1;
  }
}

it('a cancel that meets a claim, wherever it is, ends the step before it starts or waits for its end', async () => {
  await withEngine(async (kit, { pool, writes, tasks }, dataSource) => {
    const stepped = new SteppedPool(dataSource);
    const claimant = { workerId: newId(), leaseMs: 30_000, loneFrom: 2, tasks: tasks.allNames(), resourceTypes: [] };
    const seen = new Set<string>();
    const cases = await meetAtEach(stepped, async (meet) => {
      const { executionId } = await kit.execute(two);
      const first = { executionId, position: 0, delivery: 1, token: newClaimToken() };
      const taken = await takeStep(pool, writes, { ...first, ...claimant });
      if (taken.kind !== 'claimed') throw new Error(`the step is ${taken.kind}`);
      await finishStep(pool, writes, { step: taken.step, outcome: { kind: 'succeeded', result: null } });
      const [second] = (
        await pool.query<{ delivery: number }>(
          `SELECT delivery FROM reeve.step WHERE execution_id = $1 AND position = 1`,
          [executionId],
        )
      ).rows;
      const token = newClaimToken();
      const wish = { executionId, position: 1, delivery: second?.delivery ?? 0, token };
      let step = taken.step as typeof taken.step | undefined;
      await meet(
        () => cancelExecution(stepped, writes, executionId, {}),
        async () => {
          step = (await claimSteps(pool, [wish], claimant)).get(token);
        },
      );
      await kit.checkInvariants();
      seen.add(step === undefined ? 'canceled first' : 'claimed first');
      if (step !== undefined) {
        expect((await kit.reeve.execution(executionId)).state).toBe('canceling');
        await finishStep(pool, writes, { step, outcome: { kind: 'succeeded', result: null } });
      }
      expect((await kit.reeve.execution(executionId)).state).toBe('canceled');
      await kit.checkInvariants();
    });
    await stepped.close();
    expect(cases).toBeGreaterThan(5);
    expect(seen).toEqual(new Set(['canceled first', 'claimed first']));
  });
});

it.each(['parent', 'child'])('the cancels of a parent and its child meet: the %s stops everywhere', async (which) => {
  await withEngine(async (kit, { pool, writes }, dataSource) => {
    whileItRuns = async () => undefined;
    const stepped = new SteppedPool(dataSource);
    const cases = await meetAtEach(stepped, async (meet) => {
      const { executionId } = await kit.execute(parent);
      await kit.drain();
      const [{ id: childId }] = (
        await pool.query<{ id: string }>(`SELECT id FROM reeve.execution WHERE parent_id = $1`, [executionId])
      ).rows as [{ id: string }];
      const [first, second] = which === 'parent' ? [executionId, childId] : [childId, executionId];
      await meet(
        () => cancelExecution(stepped, writes, first, {}),
        () => cancelExecution(pool, writes, second, {}),
      );
      await kit.checkInvariants();
      await kit.drain();
      for (const id of [executionId, childId]) expect((await kit.reeve.execution(id)).state).toBe('canceled');
      await kit.checkInvariants();
    });
    await stepped.close();
    expect(cases).toBeGreaterThan(5);
  });
});
