import { EntitySchema } from 'typeorm';
import { resourceColumns } from '../../src/index.ts';

/** What is backed up, when, and how many copies are kept. */
export interface BackupPlan {
  id: string;
  /** The file of the volume in the store. */
  volume: string;
  cron: string;
  timeZone: string;
  keep: number;
}

export const BackupPlanSchema = new EntitySchema<BackupPlan>({
  name: 'backup_plan',
  columns: {
    id: { type: 'uuid', primary: true, default: () => 'gen_random_uuid()' },
    volume: { type: 'text' },
    cron: { type: 'text' },
    timeZone: { name: 'time_zone', type: 'text' },
    keep: { type: 'integer', default: 3 },
  },
});

/** One copy of a volume: the tracked resource. */
export interface Backup {
  id: string;
  readonly state: string;
  readonly executionId: string | null;
  readonly errorMessage: string;
  readonly errorTraceback: string;
  /** The file of the copy; empty before it exists. */
  readonly backendId: string;
  readonly bytes: number;
  planId: string;
  volume: string;
  createdAt: Date;
}

export const BackupSchema = new EntitySchema<Backup>({
  name: 'backup',
  columns: {
    ...resourceColumns,
    bytes: { type: 'integer', default: 0 },
    planId: { name: 'plan_id', type: 'uuid' },
    volume: { type: 'text' },
    createdAt: { name: 'created_at', type: 'timestamptz', createDate: true },
  },
});
