/**
 * The names of the queues that a task may name. Add your own by declaration merging:
 * `declare module 'reeve' { interface QueueRegistry { reports: true } }`, and to `queues` in the configuration.
 */
export interface QueueRegistry {
  tasks: true;
  heavy: true;
  background: true;
  verbs: true;
}

export type QueueName = keyof QueueRegistry & string;

/** The queues that every Reeve has: regular (the default), heavy, background, verbs. */
export const builtInQueues = ['tasks', 'heavy', 'background', 'verbs'] as const satisfies readonly QueueName[];
