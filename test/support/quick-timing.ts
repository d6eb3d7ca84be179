/** Times that heal within a second or two, so that tests of healing are short. */
export const quickTiming = {
  lease: '2s',
  heartbeat: '400ms',
  reaper: '300ms',
  relay: '500ms',
  due: '200ms',
  reconciler: '500ms',
  grace: '1s',
} as const;
