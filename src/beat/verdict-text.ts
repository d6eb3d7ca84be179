/** Why a background task was not started: the live one, and whether one more run is remembered. */
export function refusedReason(executionId: string, isRemembered: boolean): string {
  return `execution ${executionId} with the same key is alive${isRemembered ? '; it runs once more after it' : ''}`;
}
