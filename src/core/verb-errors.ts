/** The part of the error catalogue that belongs to the verb family. */
export const verbErrors = {
  VERB_FAILED: {
    meaning: 'The code of a verb threw, or did what it may not; nothing of its task stays.',
    next: 'Read the message; the author of the verb mends it.',
  },
  VERB_TIMED_OUT: {
    meaning: 'A verb task exceeded its time limit and was killed; nothing of it stays. It is not tried again.',
    next: 'Hand work on before the time is up (`taskTimeLow`, `scheduleContinuation`), or raise `verbs.timeLimit`.',
  },
  VERB_KILLED: {
    meaning: 'The sandbox process of a verb task was killed: too much memory, or it broke its protocol.',
    next: 'Look at the verb; `verbs.limits` has the limits.',
  },
  WORLD_MISSING: {
    meaning: 'There is no world yet, or no player of that name in it.',
    next: 'Run `reeve moo init`, or look at the players with `reeve moo run --as Wizard "@who"`.',
  },
  SANDBOX_UNAVAILABLE: {
    meaning:
      'The sandbox for verbs does not start on this machine: isolated-vm has no binary for it, or a process was refused.',
    next: 'Run workers for queue `verbs` on a platform that isolated-vm has a binary for (Linux, macOS on ARM, Windows), or build it with `npm rebuild isolated-vm`.',
  },
} as const;
