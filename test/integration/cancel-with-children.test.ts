import { expect, it } from '@jest/globals';
import { createLogger, defineExecutor, defineTask, type ReeveOptions } from '../../src/index.ts';
import { newClaimToken, newId } from '../../src/core/ids.ts';
import { cancelExecution } from '../../src/executions/cancel-execution.ts';
import { takeStep } from '../../src/executions/claim-step.ts';
import { finishStep } from '../../src/executions/finish-step.ts';
import { parseOptions } from '../../src/reeve-options.ts';
import { CommitNudge } from '../../src/reeve-commit-nudge.ts';
import { makeEngine, type Engine } from '../../src/reeve-engine.ts';
import type { TestReeve } from '../../src/testing/index.ts';
import { withKit } from '../support/kit.ts';

let whileItRuns = async (): Promise<void> => undefined;
const brief = defineTask({ name: 'brief', run: () => 'done' });
const long = defineTask({ name: 'long', run: () => whileItRuns() });
const child = defineExecutor({ name: 'child', plan: (p) => p.wait('1h').run(brief) });
const parent = defineExecutor({
  name: 'parent',
  plan: (p) => p.group([(q) => q.child(child, null), (q) => q.run(long)]),
});
const application = { executors: [parent, child], tasks: [brief, long] };

/** The kit, and the parts of an engine beside it, as a process has them that may die between any two transactions. */
async function withEngine(use: (kit: TestReeve, engine: Engine) => Promise<void>): Promise<void> {
  await withKit(application, async (kit, dataSource) => {
    const nothing = (): void => undefined;
    const hooks = { nudges: new CommitNudge(nothing), onCanceled: nothing, onEnded: nothing, onDue: nothing };
    const options: ReeveOptions = { dataSource, ...application, publish: false };
    const engine = await makeEngine(parseOptions(options), createLogger('silent'), hooks);
    try {
      await use(kit, engine);
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
