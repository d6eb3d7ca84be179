import type { Connection } from './connection.ts';
import type { Check, Violation } from './invariant-check.ts';
import { permitChecks } from './permit-invariants.ts';

/** A table of resources, as the checker needs it: quoted names, and the states in which nobody owns a row. */
export interface ResourceCheck {
  readonly type: string;
  readonly path: string;
  readonly idColumn: string;
  readonly stateColumn: string;
  readonly ownerColumn: string;
  readonly initial: string;
  readonly stable: readonly string[];
}

const live = `('pending', 'waiting', 'delayed', 'ready', 'running')`;

/** A failure that was an outcome, and decided what came behind it. */
const tolerated = `(p.state = 'failed' AND p.result IS NOT NULL)`;

const checks: readonly Check[] = [
  {
    invariant: 'I2',
    what: 'a live execution has no step that is ready, running, delayed or waiting',
    stuck: true,
    sql: (s) => `SELECT e.id, e.executor, e.state FROM ${s}.execution e WHERE e.active AND e.state <> 'paused'
      AND NOT EXISTS (SELECT 1 FROM ${s}.step p WHERE p.execution_id = e.id
        AND p.state IN ('ready', 'running', 'delayed', 'waiting'))`,
  },
  {
    invariant: 'I2',
    what: 'an execution is failing or canceling and nothing of it runs',
    stuck: true,
    sql: (s) => `SELECT e.id, e.executor, e.state FROM ${s}.execution e WHERE e.active
      AND e.state IN ('failing', 'canceling')
      AND NOT EXISTS (SELECT 1 FROM ${s}.step p WHERE p.execution_id = e.id
        AND (p.state = 'running' OR p.kind = 'child' AND p.state IN ('waiting', 'delayed', 'ready')))`,
  },
  {
    invariant: 'I4',
    what: 'something was canceled although no cancel was asked for',
    sql: (s) => `SELECT e.id, e.state, p.position, p.state AS step_state
      FROM ${s}.execution e JOIN ${s}.step p ON p.execution_id = e.id
      WHERE e.cancel_requested_at IS NULL AND (p.state = 'canceled' OR e.state IN ('canceling', 'canceled'))`,
  },
  {
    invariant: 'I4',
    what: 'a step may still start although its execution is failing or canceling',
    sql: (s) => `SELECT e.id, e.state, p.position, p.state AS step_state
      FROM ${s}.execution e JOIN ${s}.step p ON p.execution_id = e.id
      WHERE e.active AND e.state IN ('failing', 'canceling')
        AND p.state IN ('pending', 'waiting', 'delayed', 'ready') AND NOT (p.kind = 'child' AND p.poll ? 'child')`,
  },
  ...permitChecks,
  {
    invariant: 'I4',
    what: 'a step has started before its predecessor ended well',
    sql: (s) => `SELECT n.execution_id, n.position, n.state, p.position AS predecessor, p.state AS predecessor_state
      FROM ${s}.step n JOIN ${s}.step p ON p.execution_id = n.execution_id AND n.position = ANY (p.next)
      WHERE n.state IN ('delayed', 'ready', 'running', 'succeeded', 'failed')
        AND p.state NOT IN ('succeeded', 'skipped') AND NOT ${tolerated}`,
  },
  {
    invariant: 'I4',
    what: 'an attempt began before the predecessor of its step had ended',
    sql: (s) => `SELECT a.execution_id, a.position, a.started_at, p.finished_at
      FROM ${s}.attempt a JOIN ${s}.step p ON p.execution_id = a.execution_id AND a.position = ANY (p.next)
      WHERE p.state = 'succeeded' AND a.started_at < p.finished_at`,
  },
  {
    invariant: 'I4',
    what: 'the open predecessors of a step are miscounted',
    sql: (s) => `SELECT n.execution_id, n.position, n.open_predecessors FROM ${s}.step n
      WHERE n.state = 'pending' AND n.open_predecessors <> (SELECT count(*) FROM ${s}.step p
        WHERE p.execution_id = n.execution_id AND n.position = ANY (p.next) AND p.state NOT IN ('succeeded', 'skipped')
        AND NOT ${tolerated})`,
  },
  {
    invariant: 'I4',
    what: 'a step is still open although its execution has ended',
    sql: (s) => `SELECT e.id, e.state, p.position, p.state AS step_state
      FROM ${s}.execution e JOIN ${s}.step p ON p.execution_id = e.id WHERE NOT e.active AND p.state IN ${live}`,
  },
  {
    invariant: 'I4',
    what: 'an execution has succeeded although a step of it has not',
    sql: (s) => `SELECT e.id, p.position, p.state FROM ${s}.execution e JOIN ${s}.step p ON p.execution_id = e.id
      WHERE e.state = 'succeeded' AND p.state NOT IN ('succeeded', 'skipped') AND NOT ${tolerated}`,
  },
  {
    invariant: 'I4',
    what: 'a step has more than one successful attempt, or an end without its attempt',
    sql: (s) => `SELECT p.execution_id, p.position, p.state FROM ${s}.step p
      WHERE (SELECT count(*) FROM ${s}.attempt a WHERE a.execution_id = p.execution_id AND a.position = p.position
          AND a.outcome = 'succeeded') > 1
        OR (p.kind <> 'join' AND p.state IN ('succeeded', 'failed') AND NOT EXISTS (SELECT 1 FROM ${s}.attempt a
          WHERE a.execution_id = p.execution_id AND a.position = p.position AND a.outcome = p.state))`,
  },
  {
    invariant: 'I5',
    what: 'a unique key has more than one live execution',
    sql: (s) => `SELECT unique_key, count(*)::integer AS executions FROM ${s}.execution
      WHERE active AND unique_key IS NOT NULL GROUP BY unique_key HAVING count(*) > 1`,
  },
  {
    invariant: 'I5',
    what: 'an idempotency key has more than one execution',
    sql: (s) => `SELECT idempotency_key, count(*)::integer AS executions FROM ${s}.execution
      WHERE idempotency_key IS NOT NULL GROUP BY idempotency_key HAVING count(*) > 1`,
  },
  {
    invariant: 'I6',
    what: 'a due time of a schedule would be judged a second time',
    sql: (s) => `SELECT d.name, d.next_due_at, d.last_due_at FROM ${s}.schedule d WHERE EXISTS (
      SELECT 1 FROM ${s}.schedule_fire f WHERE f.schedule_id = d.id AND f.due_at >= d.next_due_at)`,
  },
  {
    invariant: 'I6',
    what: 'a due time has fired without its execution, or an execution has no verdict',
    sql: (s) => `SELECT f.schedule_id, f.due_at, f.verdict, e.id AS execution_id
      FROM ${s}.schedule_fire f FULL JOIN (SELECT * FROM ${s}.execution WHERE schedule_due_at IS NOT NULL) e
        ON e.schedule_id = f.schedule_id AND e.schedule_due_at = f.due_at
      WHERE (f.verdict IN ('fired', 'caught_up') AND e.id IS DISTINCT FROM f.execution_id)
        OR (f.verdict IN ('skipped', 'missed', 'waiting') AND e.id IS NOT NULL)
        OR (f.due_at IS NULL AND EXISTS (SELECT 1 FROM ${s}.schedule d WHERE d.id = e.schedule_id))`,
  },
  {
    invariant: 'I8',
    what: 'an event tells of an execution that does not exist',
    sql: (s) => `SELECT v.id, v.kind, v.execution_id FROM ${s}.event v WHERE v.execution_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM ${s}.execution e WHERE e.id = v.execution_id)`,
  },
  {
    invariant: 'I8',
    what: 'an execution has no steps',
    sql: (s) => `SELECT e.id, e.executor FROM ${s}.execution e
      WHERE NOT EXISTS (SELECT 1 FROM ${s}.step p WHERE p.execution_id = e.id)`,
  },
];

const rowsPerCheck = 20;

/**
 * Looks for states that may not be, at any moment and without locks; each statement sees one snapshot. No violation is
 * ever expected: each has its rule in ARCHITECTURE.md. At most twenty rows are given for each rule.
 */
export async function checkInvariants(
  connection: Connection,
  resources: readonly ResourceCheck[],
): Promise<Violation[]> {
  return violationsOf(connection, [...checks, ...resources.flatMap((resource) => resourceChecks(resource))]);
}

/** The rules about what is alive alone: cheap enough to be looked at every few minutes. */
export async function checkStuck(connection: Connection, resources: readonly ResourceCheck[]): Promise<Violation[]> {
  const alive = checks.filter(({ stuck }) => stuck === true);
  return violationsOf(connection, [...alive, ...resources.flatMap((resource) => resourceChecks(resource))]);
}

async function violationsOf(connection: Connection, wanted: readonly Check[]): Promise<Violation[]> {
  const violations: Violation[] = [];
  for (const check of wanted) {
    const { rows } = await connection.query(`${check.sql(connection.schema)} LIMIT ${rowsPerCheck}`);
    violations.push(...rows.map((row) => ({ invariant: check.invariant, what: check.what, row })));
  }
  return violations;
}

function resourceChecks(resource: ResourceCheck): Check[] {
  const { type, path, idColumn, stateColumn, ownerColumn } = resource;
  const stable = resource.stable.map((state) => literal(state)).join(', ');
  const columns = `${idColumn} AS id, ${stateColumn} AS state, ${ownerColumn} AS execution_id`;
  return [
    {
      invariant: 'I1',
      what: `a ${type} is in a transient state without a live owner`,
      sql: (s) => `SELECT ${columns} FROM ${path} WHERE ${stateColumn} NOT IN (${stable})
        AND NOT (${ownerColumn} IS NULL AND ${stateColumn} = ${literal(resource.initial)})
        AND NOT EXISTS (SELECT 1 FROM ${s}.execution e WHERE e.id = ${ownerColumn} AND e.active)`,
    },
    {
      invariant: 'I1',
      what: `a ${type} is in a stable state and has an owner that does not hold it`,
      sql: (s) => `SELECT ${columns} FROM ${path} WHERE ${stateColumn} IN (${stable}) AND ${ownerColumn} IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM ${s}.permit p WHERE p.execution_id = ${ownerColumn} AND p.held
          AND p.resource_type = ${literal(type)} AND p.resource_id = ${idColumn}::text)`,
    },
    {
      invariant: 'I1',
      what: `a ${type} has an owner that has ended`,
      sql: (s) => `SELECT ${columns} FROM ${path} WHERE ${ownerColumn} IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM ${s}.execution e WHERE e.id = ${ownerColumn} AND e.active)`,
    },
  ];
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
