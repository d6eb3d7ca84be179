import type { WorldAnswer } from '../../reeve-world.ts';

/** What a person reads of an answer: the lines, a value of code, and why it failed. */
export function answerLines(answer: WorldAnswer): string[] {
  const { output, result, error, state } = answer;
  const lines = [...output];
  if (result !== null) lines.push(`=> ${typeof result === 'string' ? result : JSON.stringify(result)}`);
  if (state === 'skipped') lines.push('[skipped] the player is gone');
  // A timed-out command has told its player already.
  if (error !== null && state === 'failed') lines.push(`[error] ${error.message}`);
  return lines;
}
