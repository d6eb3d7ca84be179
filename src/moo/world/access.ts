import type { Connection } from '../../executions/connection.ts';
import type { Group, ObjectRow, Permission, Subject } from './rows.ts';

/**
 * Deny beats allow, for owners and wizards too; without a rule nobody may do anything. The owner alone may always
 * `grant`, so that nobody locks himself out of his own things.
 */
export function allows(accessor: ObjectRow, permission: Permission, subject: Subject): boolean {
  if (permission === 'grant' && subject.ownerId === accessor.id) return true;
  const rules = subject.rules.filter(
    (rule) =>
      (rule.permission === permission || rule.permission === 'anything') &&
      (rule.accessor === accessor.id ||
        rule.grp === 'everyone' ||
        (rule.grp === 'owners' && subject.ownerId === accessor.id) ||
        (rule.grp === 'wizards' && accessor.isWizard)),
  );
  return rules.length > 0 && rules.every(({ rule }) => rule === 'allow');
}

const columns = { object: 'object_id', verb: 'verb_id', property: 'property_id' } as const;

/** What everything new has: wizards and owners may do anything, everyone may read it, or execute it if it is a verb. */
export async function insertDefaultRules(
  connection: Connection,
  kind: Subject['kind'],
  ids: readonly number[],
): Promise<void> {
  await connection.query(
    `INSERT INTO ${connection.schema}.moo_access (${columns[kind]}, rule, permission, grp)
     SELECT id, 'allow', rule.permission, rule.grp FROM unnest($1::int[]) AS id,
       (VALUES ('anything', 'wizards'), ('anything', 'owners'), ($2, 'everyone')) AS rule (permission, grp)`,
    [ids, kind === 'verb' ? 'execute' : 'read'],
  );
}

export interface RuleChange {
  readonly rule: 'allow' | 'deny';
  readonly permission: Permission;
  readonly who: { readonly accessor: number } | { readonly grp: Group };
}

export async function insertRule(
  connection: Connection,
  subject: Pick<Subject, 'kind' | 'id'>,
  { rule, permission, who }: RuleChange,
): Promise<void> {
  await connection.query(
    `INSERT INTO ${connection.schema}.moo_access (${columns[subject.kind]}, rule, permission, accessor_id, grp)
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
    [subject.id, rule, permission, 'accessor' in who ? who.accessor : null, 'grp' in who ? who.grp : null],
  );
}

export async function deleteRules(
  connection: Connection,
  subject: Pick<Subject, 'kind' | 'id'>,
  { permission, who }: Omit<RuleChange, 'rule'>,
): Promise<void> {
  await connection.query(
    `DELETE FROM ${connection.schema}.moo_access WHERE ${columns[subject.kind]} = $1 AND permission = $2
       AND accessor_id IS NOT DISTINCT FROM $3 AND grp IS NOT DISTINCT FROM $4`,
    [subject.id, permission, 'accessor' in who ? who.accessor : null, 'grp' in who ? who.grp : null],
  );
}
