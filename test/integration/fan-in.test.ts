import { describe, expect, it } from '@jest/globals';
import { createLogger } from '../../src/index.ts';
import { newId } from '../../src/core/ids.ts';
import { LedgerPool } from '../../src/executions/ledger-pool.ts';
import { migrateLedger } from '../../src/executions/migrate-ledger.ts';
import type { StepDraft } from '../../src/executions/step-plan.ts';
import { advanceSteps } from '../../src/executions/advance-steps.ts';
import { insertExecution } from '../../src/executions/sql/insert-execution.ts';
import { insertSteps } from '../../src/executions/sql/insert-steps.ts';
import { parseLimits } from '../../src/tasks/step-limits.ts';
import { makeDatabase } from '../support/bundle.ts';
import { testRandom } from '../support/random.ts';

const draft = (position: number, openPredecessors: number, next: readonly number[]): StepDraft => ({
  position,
  kind: next.length === 0 ? 'join' : 'task',
  task: 'none',
  description: 'none',
  args: null,
  queue: 'tasks',
  policy: parseLimits({}, 'test'),
  effects: {},
  countdownMs: 0,
  openPredecessors,
  next,
  needsResults: [],
});

describe('a join', () => {
  it('is passed exactly once, by the last of its predecessors, however many finish at the same moment', async () => {
    const database = await makeDatabase();
    await migrateLedger({ connectionString: database.url }, 'reeve');
    const pool = new LedgerPool({ connectionString: database.url, max: 20 }, 'reeve', createLogger('silent'));
    const width = 20;
    const random = testRandom('fan-in');
    for (let round = 0; round < 100; round += 1) {
      const executionId = newId();
      await insertExecution(pool, {
        id: executionId,
        executor: 'wide',
        executorVersion: 1,
        kind: 'task',
        planHash: '',
        resourceType: null,
        resourceId: null,
        exclusive: false,
        input: null,
        facts: null,
        uniqueKey: null,
        idempotencyKey: null,
        idempotencyMs: 0,
        requestHash: '',
        weight: 'regular',
        priority: 0,
        context: {},
        parent: null,
        deadlineMs: null,
      });
      const wide = Array.from({ length: width }, (_, position) => draft(position, 0, [width]));
      await insertSteps(pool, { executionId, priority: 0, countdownMs: 0, steps: [...wide, draft(width, width, [])] });
      // Some members end alone, some several in one transaction.
      const left = random.shuffle(wide);
      const together: StepDraft[][] = [];
      while (left.length > 0) together.push(left.splice(0, random.int(1, 5)));
      const ends = await Promise.all(
        together.map((members) =>
          pool.transaction((connection) =>
            advanceSteps(
              connection,
              executionId,
              members.flatMap((step) => step.next),
            ),
          ),
        ),
      );
      expect(ends.filter((end) => end.ended)).toHaveLength(1);
    }
    await pool.close();
    await database.drop();
  });
});
