import { ReeveError } from '../core/errors.ts';
import type { Connection } from '../executions/connection.ts';
import { listPermitsAround } from '../executions/sql/list-permits-around.ts';
import type { StepDraft } from '../executions/step-plan.ts';
import type { ExecutorDefinition } from './executor-definition.ts';

/**
 * A child that waits for permits of a level that is held around it could make two operations wait for each other for
 * ever. A key that is held around it is shared, and so allowed.
 *
 * @throws THROTTLE_LEVEL
 */
export async function checkLevels(
  connection: Connection,
  parent: { readonly executionId: string; readonly position: number },
  { executor, steps }: { readonly executor: ExecutorDefinition; readonly steps: readonly StepDraft[] },
): Promise<void> {
  const wanted = steps.flatMap((step) => step.effects.acquire?.keys ?? []);
  if (wanted.length === 0) return;
  const around = await listPermitsAround(connection, parent);
  const held = new Set(around.map(({ key }) => key));
  const highest = Math.max(-1, ...around.map(({ level }) => level));
  const wrong = wanted.find(({ key, level }) => !held.has(key) && level <= highest);
  if (wrong === undefined) return;
  const by = around.find(({ level }) => level === highest);
  throw new ReeveError(
    'THROTTLE_LEVEL',
    `"${executor.name}" would wait for "${wrong.key}" of level ${wrong.level} inside "${by?.key}" of level ${highest}, held by execution ${by?.executionId}`,
    { details: { key: wrong.key, level: wrong.level, around: by?.key, aroundLevel: highest } },
  );
}
