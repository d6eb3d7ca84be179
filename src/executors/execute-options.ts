import { problemsError } from '../core/errors.ts';
import { durationMs, type Duration } from '../core/duration.ts';
import { toJson, type JsonValue } from '../core/json.ts';
import { unknownOptions } from '../core/options.ts';

export interface ExecuteOptions {
  /**
   * Names this request: a second one with the same key gets the execution of the first, `created: false`. The same key
   * with another executor, resource or input throws IDEMPOTENCY_CONFLICT. Up to 200 characters.
   */
  readonly idempotencyKey?: string;
  /** How long the key is remembered. Default `24h`. */
  readonly idempotencyFor?: Duration;
  /** How long after the commit the first step may start. */
  readonly countdown?: Duration;
  /**
   * How long the execution may take, from now to its end; after it it is canceled with DEADLINE_EXCEEDED. Children have
   * no longer than their parent. Default: the executor's, or none.
   */
  readonly deadline?: Duration;
  /** `heavy` sends every step that would go to the regular queue to queue `heavy`. */
  readonly weight?: 'regular' | 'heavy';
  /** Overrides the priority of the executor. */
  readonly priority?: number;
  /** Who asked, trace ids and the like: JSON that every step and log line carries. */
  readonly context?: Readonly<Record<string, JsonValue>>;
  /** For delete executors: the resource is to go, even if the outside system does not follow; see `onForce`. */
  readonly force?: boolean;
  /** For update executors: the fields that changed. */
  readonly changed?: readonly string[];
}

export interface ResolvedExecuteOptions {
  readonly idempotencyKey: string | null;
  readonly idempotencyMs: number;
  readonly countdownMs: number;
  readonly deadlineMs: number | null;
  readonly weight: 'regular' | 'heavy';
  readonly priority: number | undefined;
  readonly context: JsonValue;
  readonly force: boolean;
  readonly changed: readonly string[] | undefined;
}

const knownOptions = [
  'idempotencyKey',
  'idempotencyFor',
  'countdown',
  'deadline',
  'weight',
  'priority',
  'context',
  'force',
  'changed',
];

/** @throws INPUT_INVALID with all problems: unknown options, values out of range. */
export function parseExecuteOptions(options: ExecuteOptions, subject: string): ResolvedExecuteOptions {
  const problems = unknownOptions(options, knownOptions, subject);
  const key = options.idempotencyKey;
  if (key !== undefined && (typeof key !== 'string' || key === '' || key.length > 200)) {
    problems.push(`${subject}: idempotencyKey is ${JSON.stringify(key)}; use a text of 1 to 200 characters`);
  }
  const weight = options.weight ?? 'regular';
  if (weight !== 'regular' && weight !== 'heavy') {
    problems.push(`${subject}: weight is ${JSON.stringify(weight)}; use "regular" or "heavy"`);
  }
  const priority = options.priority;
  if (priority !== undefined && (!Number.isInteger(priority) || priority < 0 || priority > 1_000)) {
    problems.push(`${subject}: priority is ${priority}; use 0 to 1000`);
  }
  if (problems.length > 0) throw problemsError('INPUT_INVALID', 'The options of execute do not fit', problems);
  return {
    idempotencyKey: key ?? null,
    idempotencyMs: durationMs(options.idempotencyFor ?? '24h', 'idempotencyFor'),
    countdownMs: durationMs(options.countdown ?? 0, 'countdown'),
    deadlineMs: options.deadline === undefined ? null : durationMs(options.deadline, 'deadline'),
    weight,
    priority,
    context: toJson(options.context ?? {}, 'The context of execute'),
    force: options.force ?? false,
    changed: options.changed,
  };
}
