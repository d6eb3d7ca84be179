import { Ledger1763683200000 } from './0001-ledger.ts';

/** All migrations of the ledger, oldest first. */
export const reeveMigrations = [Ledger1763683200000];
