import { ReeveError } from '../core/errors.ts';
import type { LedgerPool } from './ledger-pool.ts';
import { storedWord, type OperatorOptions } from './operator.ts';
import { admit, lockKeys } from './permits.ts';
import type { ResourceWrites } from './resource-writes.ts';
import { insertEvent } from './sql/insert-event.ts';
import { overrideThrottle } from './sql/override-throttle.ts';

/**
 * Overrides the limit of a key, or takes the override back; whoever has room now is admitted in the same transaction.
 *
 * @throws THROTTLE_UNKNOWN
 */
export async function changeThrottle(
  pool: LedgerPool,
  writes: ResourceWrites,
  change: { readonly key: string; readonly limit: number | null; readonly forMs: number | null },
  options: OperatorOptions,
): Promise<void> {
  const { key, limit, forMs } = change;
  const by = storedWord(options.by);
  const reason = storedWord(options.reason);
  await pool.transaction(async (connection) => {
    const locked = await lockKeys(connection, [key]);
    if (!(await overrideThrottle(connection, { ...change, by, reason }))) {
      throw new ReeveError('THROTTLE_UNKNOWN', `there is no throttle of the key "${key}"`, { details: { key } });
    }
    await insertEvent(connection, { kind: 'operator.throttle', data: { key, limit, forMs, by, reason } });
    await admit(connection, writes, locked);
  });
}
