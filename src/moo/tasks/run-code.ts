import { compileEval, compileVerb } from '../world/compile-verb.ts';
import type { MooValue } from '../world/values.ts';
import type { VerbTask } from './verb-task.ts';

export type CodeMode = 'exec' | 'eval';

export interface CodeResult {
  readonly output: readonly string[];
  readonly result: MooValue;
}

/** Runs code with the permissions of the caller; `eval` gives the value of an expression. Whatever leaves it fails the task. */
export async function runCode(task: VerbTask, caller: number, source: string, mode: CodeMode): Promise<CodeResult> {
  const longest = task.setting.limits.sourceBytes;
  const compiled = mode === 'eval' ? compileEval(source, longest) : compileVerb(source, longest);
  const result = await task.runCode(caller, caller, compiled);
  task.checkFailure();
  return { output: task.setting.output.lines, result };
}
