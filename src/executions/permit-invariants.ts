import type { Check } from './invariant-check.ts';
import { inScope } from './sql/in-scope.ts';

/** I3: what is counted is held, what is held or waited for is alive, and nobody waits for nothing. */
export const permitChecks: readonly Check[] = [
  {
    invariant: 'I3',
    what: 'the count of a throttle differs from its held permits',
    sql: (s) => `SELECT t.key, t.held, (SELECT count(*)::integer FROM ${s}.permit p
        WHERE p.key = t.key AND p.held AND NOT p.shared) AS permits FROM ${s}.throttle t
      WHERE t.held <> (SELECT count(*) FROM ${s}.permit p WHERE p.key = t.key AND p.held AND NOT p.shared)`,
  },
  {
    invariant: 'I3',
    what: 'a permit belongs to no live scope',
    sql: (s) => `SELECT p.execution_id, p.position, p.key, p.held, e.state, a.state AS first, r.state AS last
      FROM ${s}.permit p JOIN ${s}.execution e ON e.id = p.execution_id
        JOIN ${s}.step a ON a.execution_id = e.id AND a.position = p.position
        JOIN ${s}.step r ON r.execution_id = e.id AND r.position = p.last_position
      WHERE NOT e.active OR (p.held AND (a.state <> 'succeeded' OR r.state = 'succeeded'))
        OR (NOT p.held AND a.state NOT IN ('waiting', 'succeeded'))`,
  },
  {
    invariant: 'I3',
    what: 'more permits are held than the limit, and it was not lowered',
    sql: (s) => `SELECT t.key, t.held, t.max_held FROM ${s}.throttle t
      WHERE t.max_held_override IS NULL AND t.held > t.max_held
        AND t.held > (SELECT max(p.max_held) FROM ${s}.permit p WHERE p.key = t.key)`,
  },
  {
    invariant: 'I3',
    what: 'a step waits for a permit that nobody has asked for',
    sql: (s) => `SELECT w.execution_id, w.position FROM ${s}.step w
      WHERE w.state = 'waiting' AND w.waiting_for IN ('permit', 'hold') AND NOT EXISTS (
        SELECT 1 FROM ${s}.permit p WHERE p.execution_id = w.execution_id AND NOT p.held
          AND ${inScope('w', 'p')})`,
  },
];
