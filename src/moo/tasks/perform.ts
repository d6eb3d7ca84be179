import type { MooValue } from '../world/values.ts';
import type { Frame } from './frames.ts';
import type { VerbTask } from './verb-task.ts';

/** What one call does, for the caller of the top frame. */
export type Perform = (task: VerbTask, frame: Frame, args: readonly unknown[]) => Promise<MooValue> | MooValue;
