/** What a statement needs of a database connection, whoever opened it: the engine's pool or a caller's transaction. */
export interface Connection {
  /** The schema of the ledger, already checked to be a plain identifier. */
  readonly schema: string;
  query<Row extends object = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<Rows<Row>>;
}

export interface Rows<Row> {
  readonly rows: Row[];
  /** How many rows the statement changed or returned. */
  readonly count: number;
}
