import type { Jsonable } from '../core/json.ts';
import { ReeveError } from '../core/errors.ts';
import { toJson, type JsonValue } from '../core/json.ts';
import type { ExecutorDefinition, ExecutorKind } from '../executors/executor-definition.ts';
import type { TaskDefinition } from '../tasks/define-task.ts';
import { parseRules } from './schedule-rules.ts';
import { storedOptions } from './stored-options.ts';
import type { ScheduleOptions, StoredOptions } from './schedule-options.ts';

/** What a schedule starts: a task, or an executor. */
export type ScheduleTarget = TaskDefinition<never> | ExecutorDefinition<never>;

/** A schedule that code declares. Made by {@link defineSchedule}. */
export interface ScheduleDefinition {
  readonly name: string;
  readonly target: ScheduleTarget;
  readonly resourceId: string | null;
  readonly input: JsonValue;
  readonly options: StoredOptions;
}

type InputPart<Input> = undefined extends Input
  ? { readonly input?: Jsonable<Input> | Readonly<Record<string, never>> }
  : object extends Input
    ? { readonly input?: Jsonable<Input> }
    : { readonly input: Jsonable<Input> };

type Named<Cron extends string> = { readonly name: string } & ScheduleOptions<Cron>;

/**
 * Declares that a task or an executor runs by the clock; `schedules` of defineReeve takes it, `reeve beat` fires it.
 * An executor on a resource gets the id of the row as `resource`. A background task that is still running when its
 * schedule is due is skipped, as it is when it is asked for by hand.
 *
 * @throws SCHEDULE_INVALID with all problems, each with an example of what is right.
 */
export function defineSchedule<Input, const Cron extends string>(
  target: TaskDefinition<Input>,
  options: Named<Cron> & InputPart<Input>,
): ScheduleDefinition;
export function defineSchedule<Input, const Cron extends string>(
  target: ExecutorDefinition<null, Input, 'plain'>,
  options: Named<Cron> & InputPart<Input>,
): ScheduleDefinition;
export function defineSchedule<R, Input, Kind extends ExecutorKind, const Cron extends string>(
  target: ExecutorDefinition<R, Input, Kind>,
  options: Named<Cron> & InputPart<Input> & { readonly resource: string },
): ScheduleDefinition;
export function defineSchedule(target: unknown, options: object): ScheduleDefinition {
  const { name, input, resource, ...rest } = options as Record<string, unknown>;
  const known = target as ScheduleTarget | null | undefined;
  if (known === null || typeof known !== 'object' || !('handler' in known || 'plan' in known)) {
    throw new ReeveError('SCHEDULE_INVALID', `schedule "${String(name)}" has no target; pass a task or an executor`);
  }
  const isOnResource = 'plan' in known && known.resource !== undefined;
  if (isOnResource !== (typeof resource === 'string' && resource !== '')) {
    const what = isOnResource ? `needs the id of a ${known.resource.name}: resource: "0198…"` : 'takes no "resource"';
    throw new ReeveError('SCHEDULE_INVALID', `schedule "${String(name)}" of "${known.name}" ${what}`);
  }
  const stored = storedOptions(String(name), rest);
  parseRules(String(name), stored, Date.now());
  return Object.freeze({
    name: String(name),
    target: known,
    resourceId: isOnResource ? String(resource) : null,
    input: toJson(input ?? null, `The input of schedule "${String(name)}"`),
    options: stored,
  });
}
