/** A failed expectation, with what was found instead, one on a line. */
export function explainFailure(what: string, found: readonly string[]): Error {
  const list = found.length === 0 ? '  (nothing)' : found.map((line) => `  ${line}`).join('\n');
  return new Error(`${what}; what there is:\n${list}`);
}
