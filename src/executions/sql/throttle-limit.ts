/** The override of a throttle that holds now, as SQL on the table under the alias `t`; null where none does. */
export function liveOverride(schema: string): string {
  return `CASE WHEN coalesce(t.override_until > ${schema}.clock(), true) THEN t.max_held_override END`;
}
