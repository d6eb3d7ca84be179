import { describe, expect, it } from '@jest/globals';
import { defineTask } from '../../../src/index.ts';
import { TaskRegistry } from '../../../src/executors/task-registry.ts';
import { verbTasks } from '../../../src/executors/verbs/verb-tasks.ts';
import { IsolationRules } from '../../../src/isolation/isolation-rules.ts';

const run = (): void => undefined;
const tasks = new TaskRegistry([
  defineTask({ name: 'plain', run }),
  defineTask({ name: 'apart', queue: 'heavy', run, isolation: 'process' }),
  defineTask({ name: 'here', queue: 'heavy', run, isolation: 'none' }),
  ...verbTasks,
]);
const rules = new IsolationRules({ heavy: 'thread' }, tasks);

describe('where a step runs', () => {
  it.each([
    ['plain', 'tasks', undefined],
    ['plain', 'heavy', 'thread'],
    ['apart', 'heavy', 'process'],
    ['apart', 'tasks', 'process'],
    ['here', 'heavy', undefined],
    ['reeve.call', 'heavy', 'thread'],
    ['reeve.poll', 'heavy', 'thread'],
    ['reeve.gate', 'heavy', 'thread'],
    ['reeve.expand', 'heavy', 'thread'],
    ['reeve.call', 'tasks', undefined],
    ['reeve.child', 'heavy', undefined],
    ['reeve.effects', 'heavy', undefined],
    ['reeve.join', 'heavy', undefined],
    ['verbs.parseCode', 'verbs', undefined],
  ])('%s of queue %s: %s', (task, queue, kind) => {
    expect(rules.kindOf({ task, queue })).toBe(kind);
  });

  it('a transactional step of an isolated queue is refused for good', () => {
    expect(() => rules.kindOf({ task: 'verbs.parseCode', queue: 'heavy' })).toThrow(
      expect.objectContaining({ code: 'ISOLATION_REFUSED', retryable: false }),
    );
  });

  it('a worker knows beforehand what its queues will need', () => {
    expect(rules.kindsFor(['tasks'])).toEqual(new Set());
    expect(rules.kindsFor(['heavy'])).toEqual(new Set(['thread', 'process']));
  });
});
