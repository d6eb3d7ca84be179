export { createTestReeve } from './test-reeve.ts';
export type { CrashPoint, RanTestStep, TestReeve } from './test-reeve.ts';
export type { BackendCall, BackendProbe } from './fake-backends.ts';
export { playAs } from './moo/play-world.ts';
export type { Played, WorldPlayer } from './moo/play-world.ts';
