/** What one verb task may use up. Times are milliseconds, sizes bytes unless the name says otherwise. */
export interface VerbLimits {
  /** Wall time of a task, shared by all verbs that it calls. Final: a task that exceeds it is not tried again. */
  readonly timeLimitMs: number;
  /** Processor time of a task. */
  readonly cpuMs: number;
  /** Heap of each isolate, in MB. V8 may exceed it two or three times over before it notices. */
  readonly isolateMb: number;
  /** Resident memory of a child process, in MB. */
  readonly childMb: number;
  /** Verb calls inside verb calls. */
  readonly depth: number;
  /** Loop turns and function entries of a task; 0 counts none. */
  readonly ticks: number;
  /** SDK calls of a task. */
  readonly hostCalls: number;
  /** A value that passes between a verb and the world: bytes, nesting, number of parts. */
  readonly payloadBytes: number;
  readonly payloadDepth: number;
  readonly payloadParts: number;
  /** Output of a task; what exceeds it is cut off with a mark. */
  readonly lineBytes: number;
  readonly outputBytes: number;
  readonly outputLines: number;
  readonly createdObjects: number;
  readonly createdVerbs: number;
  readonly createdProperties: number;
  /** Tasks that one task may schedule. */
  readonly scheduledTasks: number;
  /** Scheduled tasks of one account that have not ended. */
  readonly liveTasks: number;
  /** Schedules of one account. */
  readonly schedules: number;
  /** How far a chain of tasks that schedule tasks may go. */
  readonly hops: number;
  /** Tasks of one chain within a minute; more of them start a minute later. */
  readonly chainPerMinute: number;
  /** Lines to other players within ten seconds, for one account. */
  readonly messagesPerWindow: number;
  /** Source text of a verb. */
  readonly sourceBytes: number;
  /** After so many tasks a child process is replaced. 1: each task gets a process of its own. */
  readonly tasksPerChild: number;
}

export const VERB_LIMITS: VerbLimits = Object.freeze({
  timeLimitMs: 3_000,
  cpuMs: 2_000,
  isolateMb: 32,
  childMb: 256,
  depth: 50,
  ticks: 5_000_000,
  hostCalls: 10_000,
  payloadBytes: 256 * 1024,
  payloadDepth: 40,
  payloadParts: 10_000,
  lineBytes: 64 * 1024,
  outputBytes: 256 * 1024,
  outputLines: 2_000,
  createdObjects: 200,
  createdVerbs: 200,
  createdProperties: 1_000,
  scheduledTasks: 20,
  liveTasks: 100,
  schedules: 100,
  hops: 1_000,
  chainPerMinute: 600,
  messagesPerWindow: 256,
  sourceBytes: 64 * 1024,
  tasksPerChild: 200,
});
