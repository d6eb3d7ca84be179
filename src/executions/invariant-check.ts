/** A row that may not be, and which rule it breaks. */
export interface Violation {
  readonly invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I8';
  readonly what: string;
  readonly row: Readonly<Record<string, unknown>>;
}

export interface Check {
  readonly invariant: Violation['invariant'];
  readonly what: string;
  readonly sql: (schema: string) => string;
  /** What breaks it will not move by itself, and it is found among what is alive. */
  readonly stuck?: true;
}
