import { describe, expect, it } from '@jest/globals';
import { expectTypeOf } from 'expect-type';
import { z } from 'zod';
import {
  defineActionExecutor,
  defineBackgroundTask,
  defineCreateExecutor,
  defineExecutor,
  definePullTask,
  defineResource,
  defineSchedule,
  defineTask,
  defineUpdateExecutor,
  lifecycle,
  Resource,
  type Duration,
  type ExecuteIn,
  type Scheduled,
} from '../../src/index.ts';
import type { CronLiteral } from '../../src/core/cron-literal.ts';

class Disk extends Resource {
  readonly kindOf!: 'disk';
  name!: string;
  sizeGb!: number;
}

class Tenant extends Resource {
  readonly kindOf!: 'tenant';
  name!: string;
}

class DiskBackend {
  create(_disk: Disk, _options: { image?: string | undefined }): Promise<{ diskId: string }> {
    return Promise.resolve({ diskId: 'd' });
  }
  attach(_disk: Disk, _instance: string, _slot: number): Promise<void> {
    return Promise.resolve();
  }
  until(_disk: Disk, _at: Date): Promise<void> {
    return Promise.resolve();
  }
  isReady(_disk: Disk): Promise<boolean> {
    return Promise.resolve(true);
  }
  state(_disk: Disk): Promise<'BUILD' | 'ACTIVE'> {
    return Promise.resolve('ACTIVE');
  }
  ofTenant(_tenant: Tenant): Promise<void> {
    return Promise.resolve();
  }
}

const disk = defineResource(Disk, { name: 'test.disk', states: lifecycle, backend: () => new DiskBackend() });
const notify = defineTask({
  name: 'notify',
  input: z.object({ diskId: z.string() }),
  run: ({ diskId }) => diskId.length,
});
const create = defineCreateExecutor(disk, {
  input: z.object({ image: z.string() }),
  plan: (p, { image }) => p.call('create', [{ image }]).run(notify, (previous) => ({ diskId: previous.diskId })),
});
const rename = defineUpdateExecutor(disk, { plan: (p) => p });
const idle = defineActionExecutor(disk, { name: 'disk.idle', plan: (p) => p });

/** Never called: its body is only compiled. Each refused line is refused for the reason that its title names. */
function compiles(reeve: ExecuteIn, theDisk: Disk, tenant: Tenant): void {
  expectTypeOf(reeve.execute(create, theDisk, { image: 'debian' })).resolves.toEqualTypeOf<Scheduled>();
  void reeve.execute(rename, theDisk, {}, { changed: ['name'] });
  void reeve.execute(idle, theDisk);
  void reeve.execute(notify, { diskId: 'd' });

  // @ts-expect-error an executor run on another resource type
  void reeve.execute(create, tenant, { image: 'debian' });
  // @ts-expect-error missing input
  void reeve.execute(create, theDisk);
  // @ts-expect-error wrong input
  void reeve.execute(create, theDisk, { image: 5 });
  // @ts-expect-error an update without its changed fields
  void reeve.execute(rename, theDisk, {});
  // @ts-expect-error a changed field that the resource does not have
  void reeve.execute(rename, theDisk, {}, { changed: ['nam'] });
  // @ts-expect-error a task with a wrong key in its input
  void reeve.execute(notify, { disk: 'd' });
  // @ts-expect-error an unknown option of execute
  void reeve.execute(idle, theDisk, {}, { weight: 'light' });

  void reeve.executeMany(create, [
    [theDisk, { image: 'debian' }],
    ['an id', { image: 'debian' }, { weight: 'heavy' }],
  ]);
  void reeve.executeMany(idle, [[theDisk], [theDisk]]);
  void reeve.executeMany(notify, [[{ diskId: 'd' }]]);
  // @ts-expect-error many on another resource type
  void reeve.executeMany(create, [[tenant, { image: 'debian' }]]);
  // @ts-expect-error a missing input among many
  void reeve.executeMany(create, [[theDisk, { image: 'debian' }], [theDisk]]);
  // @ts-expect-error one operation instead of a list of them
  void reeve.executeMany(notify, [{ diskId: 'd' }]);
}

/** Never called: plans that must not compile. */
function plans(): void {
  // @ts-expect-error an unknown backend method
  defineExecutor(disk, { name: 'a', plan: (p) => p.call('creat', [{}]) });
  // @ts-expect-error a backend method of another resource
  defineExecutor(disk, { name: 'b', plan: (p) => p.call('ofTenant') });
  // @ts-expect-error missing arguments
  defineExecutor(disk, { name: 'c', plan: (p) => p.call('attach') });
  // @ts-expect-error wrong arguments
  defineExecutor(disk, { name: 'd', plan: (p) => p.call('attach', ['vm', 'one']) });
  // @ts-expect-error an argument that does not survive JSON
  defineExecutor(disk, { name: 'e', plan: (p) => p.call('until', [new Date()]) });
  // @ts-expect-error an unknown transition
  defineExecutor(disk, { name: 'f', plan: (p) => p.transition('beginUpdate') });
  // @ts-expect-error an unknown state
  defineExecutor(disk, { name: 'g', plan: (p) => p.call('create', [{}], { during: 'createing' }) });
  // @ts-expect-error an unknown queue
  defineExecutor(disk, { name: 'h', plan: (p) => p.call('create', [{}], { queue: 'hevy' }) });
  // @ts-expect-error poll on a method that returns neither boolean nor a state
  defineExecutor(disk, { name: 'i', plan: (p) => p.poll('create', [{}], { timeout: '1m' }) });
  // @ts-expect-error poll of a state without saying until which
  defineExecutor(disk, { name: 'j', plan: (p) => p.poll('state', { timeout: '1m' }) });
  // @ts-expect-error a poll without a timeout
  defineExecutor(disk, { name: 'k', plan: (p) => p.poll('isReady', { every: '1s' }) });
  // @ts-expect-error poll until a state that the method never answers
  defineExecutor(disk, { name: 'l', plan: (p) => p.poll('state', { until: 'DONE', timeout: '1m' }) });
  defineExecutor(disk, {
    name: 'm',
    // @ts-expect-error a field that the previous step did not return
    plan: (p) => p.call('create', [{}]).run(notify, (previous) => ({ diskId: previous.backendId })),
  });
  // @ts-expect-error saving a field that only executors may write
  defineExecutor(disk, { name: 'n', plan: (p) => p.call('create', [{}], { save: () => ({ state: 'ok' }) }) });
  // @ts-expect-error '5 minutes' as a duration
  defineExecutor(disk, { name: 'o', plan: (p) => p.wait('5 minutes') });
  // @ts-expect-error a background task without key
  defineBackgroundTask({ name: 'pull', run: () => null });
  // @ts-expect-error a task on an unknown queue
  defineTask({ name: 'slow', queue: 'slow', run: () => null });
  // @ts-expect-error facts that do not survive JSON never reach the plan as what they were
  defineExecutor(disk, { name: 'p', facts: () => ({ at: new Date() }), plan: (p, _i, { at }) => p.wait(at.getTime()) });
}

/** Never called: schedules. */
function schedules(): void {
  const pull = defineTask({ name: 'pull', input: z.object({ server: z.string() }), run: () => null });
  const action = defineActionExecutor(disk, { name: 'backup', plan: (p) => p.call('create', [{}]) });
  const input = { server: 'main' };
  defineSchedule(pull, { name: 'a', cron: '17 3 * * *', timeZone: 'Europe/Tallinn', input, overlap: 'skip' });
  defineSchedule(pull, { name: 'b', every: '15m', input, catchUp: { window: '6h' } });
  defineSchedule(action, { name: 'c', at: new Date(), resource: 'id' });
  // @ts-expect-error three fields
  defineSchedule(pull, { name: 'd', cron: '3 * *', input });
  // @ts-expect-error two ways to say when
  defineSchedule(pull, { name: 'e', cron: '17 3 * * *', every: '1h', input });
  // @ts-expect-error no way to say when
  defineSchedule(pull, { name: 'f', input });
  // @ts-expect-error the input of the task is missing
  defineSchedule(pull, { name: 'g', every: '1h' });
  // @ts-expect-error wrong input
  defineSchedule(pull, { name: 'h', every: '1h', input: { server: 7 } });
  // @ts-expect-error an executor on a resource needs one
  defineSchedule(action, { name: 'i', every: '1h' });
  // @ts-expect-error no such policy
  defineSchedule(pull, { name: 'j', every: '1h', input, overlap: 'queue' });
}

/** Never called: what is allowed, with what it infers. */
function inferred(): void {
  defineExecutor(disk, {
    name: 'q',
    input: z.object({ slot: z.number() }),
    facts: (row) => ({ named: row.name, size: row.sizeGb }),
    plan: (p, input, facts) => {
      expectTypeOf(input).toEqualTypeOf<{ slot: number }>();
      expectTypeOf(facts.size).toEqualTypeOf<number>();
      const created = p.call('create', [{ image: facts.named }], { save: (result) => ({ backendId: result.diskId }) });
      return created
        .as('disk')
        .poll('isReady', { every: '2s', timeout: '10m' })
        .poll('state', { until: ['ACTIVE'], failOn: 'BUILD', timeout: '1h' })
        .call('attach', (previous, steps) => {
          expectTypeOf(previous).toEqualTypeOf<'BUILD' | 'ACTIVE'>();
          expectTypeOf(steps.disk).toEqualTypeOf<{ diskId: string }>();
          return [steps.disk.diskId, input.slot];
        });
    },
  });
  expectTypeOf<'5m'>().toExtend<Duration>();
  expectTypeOf<'five minutes'>().not.toExtend<Duration>();
  expectTypeOf<'17 3 * * *'>().toExtend<CronLiteral<'17 3 * * *'>>();
  expectTypeOf<'0 17 3 * * *'>().toExtend<CronLiteral<'0 17 3 * * *'>>();
  expectTypeOf<'3 * * *'>().not.toExtend<CronLiteral<'3 * * *'>>();
  expectTypeOf<''>().not.toExtend<CronLiteral<''>>();
  expectTypeOf<string>().toExtend<CronLiteral<string>>();
}

/** What a pull may write, and what it gets. */
function pulls(): void {
  definePullTask(disk, {
    pull: (row, backend) => {
      expectTypeOf(row).toEqualTypeOf<Disk>();
      expectTypeOf(backend).toEqualTypeOf<DiskBackend>();
      return { sizeGb: 3, runtimeState: 'ACTIVE' };
    },
  });
  // @ts-expect-error a state belongs to executions
  definePullTask(disk, { pull: () => ({ state: 'ok' }) });
  // @ts-expect-error a field of another type
  definePullTask(disk, { pull: () => ({ sizeGb: 'three' }) });
}

describe('the public types', () => {
  it('refuse what they must: this file compiles only if each marked line does not', () => {
    expect([compiles, plans, schedules, inferred, pulls].every((examples) => typeof examples === 'function')).toBe(
      true,
    );
  });
});
