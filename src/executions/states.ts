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

export const endedExecutionStates = ['succeeded', 'failed', 'canceled'] as const;
export type EndedExecutionState = (typeof endedExecutionStates)[number];

export function isEnded(state: ExecutionState): state is EndedExecutionState {
  return (endedExecutionStates as readonly string[]).includes(state);
}

export const stepStates = [
  'pending',
  'waiting',
  'delayed',
  'ready',
  'running',
  'succeeded',
  'failed',
  'skipped',
  'canceled',
] as const;
export type StepState = (typeof stepStates)[number];

export const stepKinds = ['task', 'gate', 'expand', 'child', 'join'] as const;
export type StepKind = (typeof stepKinds)[number];
