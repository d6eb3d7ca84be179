export const executionStates = [
  'running',
  'paused',
  'failing',
  'canceling',
  'succeeded',
  'failed',
  'canceled',
] as const;
export type ExecutionState = (typeof executionStates)[number];

const endedExecutionStates = ['succeeded', 'failed', 'canceled'] as const;
export type EndedExecutionState = (typeof endedExecutionStates)[number];

export function isEnded(state: ExecutionState): state is EndedExecutionState {
  return (endedExecutionStates as readonly string[]).includes(state);
}

export type StepState =
  'pending' | 'waiting' | 'delayed' | 'ready' | 'running' | 'succeeded' | 'failed' | 'skipped' | 'canceled';

export type StepKind = 'task' | 'gate' | 'expand' | 'child' | 'join';
