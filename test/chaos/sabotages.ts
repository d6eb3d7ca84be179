/** One guard of the protocol that is taken out, so that the suite shows that it would notice. */
export interface Sabotage {
  readonly name: string;
  readonly what: string;
  /** The faults that this guard is for: they come first, and often. None: it is needed all the time. */
  readonly faults: readonly string[];
  /** What is replaced in the text of the sources when a chaos process loads them; each `from` stands there once. */
  readonly edits: readonly Edit[];
  /** A second guard, in the database, that would hide the missing one. */
  readonly sql?: readonly string[];
}

export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const sqlFolder = 'src/executions/sql';

export const sabotages: readonly Sabotage[] = [
  {
    name: 'no-token-check',
    what: 'a completion ends the step whoever holds it now',
    faults: ['worker frozen until others have its steps'],
    edits: [
      { file: `${sqlFolder}/end-step.ts`, from: 'AND s.claim_token = $3', to: 'AND $3::uuid IS NOT NULL' },
      { file: `${sqlFolder}/end-steps.ts`, from: 'AND s.claim_token = w.token', to: 'AND w.token IS NOT NULL' },
      { file: `${sqlFolder}/move-on.ts`, from: 'AND s.claim_token = w.token', to: 'AND w.token IS NOT NULL' },
      // A worker that is told by its heartbeat that it has lost a step does not even try.
      {
        file: 'src/workers/heartbeat.ts',
        from: "if (executionState === undefined) claim.abort('lost');",
        to: 'if (executionState === undefined) continue;',
      },
    ],
    // One row for each claim: a dead claim that ends a second time would be refused by it.
    sql: ['ALTER TABLE reeve.attempt DROP CONSTRAINT attempt_pkey'],
  },
  {
    name: 'no-throttle-lock',
    what: 'permits are counted and given without the lock of the throttle',
    faults: [],
    edits: [{ file: `${sqlFolder}/lock-throttles.ts`, from: ' FOR UPDATE`', to: '`' }],
  },
  {
    name: 'no-reconciler',
    what: 'ledger and broker are never compared',
    faults: ['backlog wiped'],
    edits: [{ file: 'src/queues/reconciler.ts', from: 'await this.reconcile();', to: '' }],
  },
  {
    name: 'lease-ignored',
    what: 'the reaper ends claims whose lease is not over',
    faults: ['worker frozen until its leases are over'],
    edits: [
      {
        file: `${sqlFolder}/list-expired-steps.ts`,
        from: '${schema}.clock() ORDER BY',
        to: "${schema}.clock() + interval '1500 milliseconds' ORDER BY",
      },
      {
        file: `${sqlFolder}/end-step.ts`,
        from: 'AND (NOT $11 OR s.lease_until < now.at)',
        to: 'AND $11::boolean IS NOT NULL',
      },
    ],
  },
  {
    name: 'reaper-without-recheck',
    what: 'the reaper does not look at the lease again under the lock',
    faults: ['worker frozen until its leases are over'],
    edits: [
      {
        file: `${sqlFolder}/end-step.ts`,
        from: 'AND (NOT $11 OR s.lease_until < now.at)',
        to: 'AND $11::boolean IS NOT NULL',
      },
    ],
  },
  {
    name: 'fire-not-unique',
    what: 'beats neither lock a due schedule nor does a due time have one execution',
    faults: [],
    edits: [
      { file: `${sqlFolder}/claim-due-schedules.ts`, from: ' FOR UPDATE OF s SKIP LOCKED', to: '' },
      { file: `${sqlFolder}/claim-due-schedule.ts`, from: ' FOR UPDATE SKIP LOCKED', to: '' },
    ],
    sql: ['DROP INDEX reeve.execution_of_fire'],
  },
  {
    name: 'completion-not-atomic',
    what: 'the end of a step is committed before what it leads to',
    faults: [],
    edits: [
      // The shared completion is one statement, and cannot be torn apart.
      {
        file: 'src/executions/completions.ts',
        from: "if (only === undefined || others.length > 0 || step.kind !== 'task') return undefined;",
        to: 'if (only !== -1) return undefined;',
      },
      {
        file: 'src/executions/finish-step.ts',
        from: 'if (!(await endStep(this.#connection, end))) throw new Stale();',
        to: "if (!(await endStep(this.#connection, end))) throw new Stale(); await this.#connection.query('COMMIT'); await this.#connection.query('BEGIN');",
      },
    ],
  },
  {
    name: 'publish-before-commit',
    what: "an operation is started before its caller's transaction commits, in one of its own",
    faults: [],
    edits: [
      {
        file: 'src/reeve-starts.ts',
        from: 'return this.scheduler.schedule(manager, request);',
        to: 'return (request.resource ?? null) === null ? this.#options.dataSource.transaction((own) => this.scheduler.schedule(own, request)) : this.scheduler.schedule(manager, request);',
      },
    ],
  },
];

/** @throws Error when the text that is to be replaced does not stand there exactly once. */
export function edited(text: string, { file, from, to }: Edit): string {
  if (text.split(from).length !== 2) throw new Error(`the sabotage of ${file} is out of date: it looks for "${from}"`);
  return text.replace(from, () => to);
}
