/**
 * How much of a time limit a test allows: all of its claim on a machine that is known to be quiet (REEVE_TEST_QUIET=1),
 * and six times as much elsewhere, where other suites run beside it. What the limit is there to catch (a missed signal, a
 * poll of many seconds, a lease that nobody ends) takes longer than that.
 */
export function withinMs(quietMs: number): number {
  return process.env['REEVE_TEST_QUIET'] === '1' ? quietMs : 6 * quietMs;
}
