import type { Operation } from '../sandbox/sdk.ts';
import type { MooValue } from '../world/values.ts';
import type { Frame } from './frames.ts';
import { accessOperations } from './operations/access.ts';
import { callOperations } from './operations/calls.ts';
import { contextOperations } from './operations/context.ts';
import { objectOperations } from './operations/objects.ts';
import { propertyOperations } from './operations/properties.ts';
import { scheduleOperations } from './operations/schedules.ts';
import { verbOperations } from './operations/verbs.ts';
import type { Perform } from './perform.ts';
import type { VerbTask } from './verb-task.ts';

/** Every word of the SDK has an answer: a missing one does not compile. */
const answers: Readonly<Record<Operation, Perform>> = {
  ...accessOperations,
  ...callOperations,
  ...contextOperations,
  ...objectOperations,
  ...propertyOperations,
  ...scheduleOperations,
  ...verbOperations,
};

export async function answer(
  task: VerbTask,
  frame: Frame,
  operation: Operation,
  args: readonly unknown[],
): Promise<MooValue> {
  return answers[operation](task, frame, args);
}
