import { Ledger1763683200000 } from './0001-ledger.ts';
import { Ledger1763776800000 } from './0002-schedules.ts';
import { Ledger1763860000000 } from './0003-permits.ts';
import { Ledger1763949600000 } from './0004-world.ts';
import { Ledger1764100000000 } from './0005-background.ts';
import { Ledger1764200000000 } from './0006-rivals.ts';

/** All migrations of the ledger, oldest first. */
export const reeveMigrations = [
  Ledger1763683200000,
  Ledger1763776800000,
  Ledger1763860000000,
  Ledger1763949600000,
  Ledger1764100000000,
  Ledger1764200000000,
];
