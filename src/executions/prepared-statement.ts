import { createHash } from 'node:crypto';
import type { QueryConfig } from 'pg';
import { sqlState } from './sql-state.ts';

const mostNames = 2_000;
const names = new Map<string, string>();

/**
 * A statement that each connection parses and plans once, under a name that is made of its text: where a pooler mixes up
 * connections, a name can be missing but never mean another statement. Planning is the greater part of what the ledger's
 * small statements cost the server.
 *
 * Statements without parameters are sent as they are, and so is whatever comes after 2,000 different texts.
 */
export function prepared(text: string, params: readonly unknown[]): QueryConfig {
  const values = [...params];
  const known = names.get(text);
  if (known !== undefined) return { name: known, text, values };
  if (values.length === 0 || names.size >= mostNames) return { text, values };
  const name = `reeve_${createHash('sha1').update(text).digest('hex').slice(0, 24)}`;
  names.set(text, name);
  return { name, text, values };
}

/** A column was added or changed under a plan that this connection keeps: another connection has to be used. */
export function isStalePlan(error: unknown): boolean {
  return sqlState(error) === '0A000' && Error.isError(error) && error.message.includes('cached plan');
}
