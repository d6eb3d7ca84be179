import type { DataSource } from 'typeorm';
import { z } from 'zod';
// In an application of yours: from 'reeve'.
import {
  defineBackgroundTask,
  defineCreateExecutor,
  defineDeleteExecutor,
  defineReeve,
  defineResource,
  defineTask,
  lifecycle,
  type ExecutorDefinition,
  type Reeve,
  type ReeveOptions,
  type TaskDefinition,
} from '../../src/index.ts';
import { BackupPlanSchema, BackupSchema, type Backup, type BackupPlan } from './entities.ts';
import { StoreBackend } from './store-backend.ts';
import type { Store } from './store.ts';

/**
 * Scheduled backups: a plan has a schedule in its own zone, each due time makes a copy, the newest `keep` copies stay,
 * and a lasting error deactivates the plan with a message instead of failing night after night.
 */
export class Backups {
  readonly reeve: Reeve;
  readonly #dataSource: DataSource;
  readonly #remove: ExecutorDefinition<Backup, undefined, 'delete'>;
  readonly #take: TaskDefinition<{ planId: string }>;

  constructor(dataSource: DataSource, store: Store, options: Partial<ReeveOptions> = {}) {
    this.#dataSource = dataSource;
    const backup = defineResource(BackupSchema, {
      name: 'backup',
      states: lifecycle,
      backend: () => new StoreBackend(store, (planId, message) => this.#deactivate(planId, message)),
    });
    const dropOldest = defineTask({
      name: 'backup.dropOldest',
      description: 'keep the newest copies',
      input: z.object({ planId: z.uuid() }),
      run: ({ planId }) => this.#dropOldest(planId),
    });
    const create = defineCreateExecutor(backup, {
      facts: ({ planId }) => ({ planId }),
      deadline: '1h',
      plan: (p, _input, { planId }) =>
        p
          .call('copy', { queue: 'heavy', save: (result) => ({ backendId: result.name, bytes: result.bytes }) })
          .run(dropOldest, { planId }),
    });
    this.#remove = defineDeleteExecutor(backup, { plan: (p) => p.call('remove', { queue: 'heavy' }) });
    this.#take = defineBackgroundTask({
      name: 'backup.take',
      input: z.object({ planId: z.uuid() }),
      key: ({ planId }) => planId,
      run: ({ planId }, { executionId, idempotencyKey }) =>
        dataSource.transaction(async (manager) => {
          const plan = await manager.findOneBy(BackupPlanSchema, { id: planId });
          if (plan === null) return { taken: false };
          // The row has the id of this execution, so that a step that runs a second time finds it.
          const row = { id: executionId, planId, volume: plan.volume };
          await manager.createQueryBuilder().insert().into(BackupSchema).values(row).orIgnore().execute();
          await this.reeve.in(manager).execute(create, executionId, {}, { idempotencyKey });
          return { taken: true };
        }),
    });
    this.reeve = defineReeve({
      dataSource,
      executors: [create, this.#remove],
      tasks: [this.#take, dropOldest],
      ...options,
    });
  }

  /** Saves a plan and its schedule. */
  async plan(wanted: Omit<BackupPlan, 'id'>): Promise<BackupPlan> {
    const plan = await this.#dataSource.manager.save(BackupPlanSchema, wanted);
    const { id, cron, timeZone } = plan;
    await this.reeve.schedules.create({ name: nameOf(id), target: this.#take, input: { planId: id }, cron, timeZone });
    return plan;
  }

  /** Whether the plan goes on, and the message of what has stopped it. */
  async stateOf(planId: string): Promise<{ readonly active: boolean; readonly message: string | null }> {
    const { state, pausedReason } = await this.reeve.schedules.get(nameOf(planId));
    return { active: state === 'active', message: pausedReason };
  }

  async activate(planId: string): Promise<void> {
    await this.reeve.schedules.resume(nameOf(planId));
  }

  async #deactivate(planId: string, message: string): Promise<void> {
    await this.reeve.schedules.pause(nameOf(planId), { by: 'backups', reason: message });
  }

  /** The copies of a plan that exist, the newest first. */
  async copiesOf(planId: string): Promise<Backup[]> {
    return this.#dataSource.manager.find(BackupSchema, {
      where: { planId, state: 'ok' },
      order: { createdAt: 'DESC' },
    });
  }

  /** The backup that has just been made is still `creating`, and counts as the newest. */
  async #dropOldest(planId: string): Promise<{ readonly dropped: number }> {
    const plan = await this.#dataSource.manager.findOneBy(BackupPlanSchema, { id: planId });
    const surplus = (await this.copiesOf(planId)).slice(Math.max(0, (plan?.keep ?? 0) - 1));
    for (const { id } of surplus) {
      await this.reeve.execute(this.#remove, id, {}, { idempotencyKey: `drop:${id}` });
    }
    return { dropped: surplus.length };
  }
}

function nameOf(planId: string): string {
  return `backup-${planId}`;
}
