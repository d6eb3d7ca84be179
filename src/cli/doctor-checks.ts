import { isReeveError } from '../core/errors.ts';
import { errorCatalogue } from '../core/error-catalogue.ts';
import { packageVersion } from '../core/package-version.ts';
import { redisEvictionPolicy } from '../queues/redis-policy.ts';
import type { Reeve } from '../reeve.ts';
import { checkBroker } from './check-broker.ts';
import { connect } from './with-app.ts';

/** What one look at the installation has found. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly message: string;
  /** What to do, where it is not well. */
  readonly next?: string;
}

type Check = (reeve: Reeve) => Promise<readonly Finding[]>;

const ok = (check: string, message: string): Finding => ({ check, state: 'ok', message });
const mostSkewMs = 1_000;

const ledger: Check = async (reeve) => {
  await connect(reeve);
  return [ok('ledger', `PostgreSQL answers, and the tables of schema "${reeve.options.schema}" are up to date`)];
};

const clock: Check = async ({ options }) => {
  const before = Date.now();
  const [row] = await options.dataSource.query<{ at: Date }[]>('SELECT clock_timestamp() AS at');
  const skewMs = Math.round((row?.at.getTime() ?? before) - (before + Date.now()) / 2);
  if (Math.abs(skewMs) <= mostSkewMs) return [ok('clock', 'this machine and PostgreSQL agree on the time')];
  const message = `the clock of this machine is ${Math.abs(skewMs)} ms ${skewMs > 0 ? 'behind' : 'ahead of'} that of PostgreSQL`;
  const next = 'Set the clocks by NTP. Reeve goes by the clock of PostgreSQL; times in logs are those of this machine.';
  return [{ check: 'clock', state: 'warn', message, next }];
};

const broker: Check = async ({ options }) => {
  const { redis } = options;
  if (redis === undefined) return [ok('broker', 'BullMQ keeps its jobs in PostgreSQL')];
  await checkBroker(redis);
  const policy = await redisEvictionPolicy(redis);
  if (policy === undefined || policy === 'noeviction') return [ok('broker', 'Redis answers and evicts nothing')];
  const message = `Redis has maxmemory-policy "${policy}": when its memory is full it throws jobs away`;
  const next = 'Set maxmemory-policy to noeviction. Until then the reconciler sends lost jobs again, which takes time.';
  return [{ check: 'broker', state: 'warn', message, next }];
};

const workers: Check = async (reeve) => {
  const { queues, workers: alive } = await reeve.status();
  const version = packageVersion();
  const alone = queues.filter((queue) => queue.workers === 0 && queue.ready + queue.running + queue.delayed > 0);
  const others = alive.filter((worker) => worker.version !== version);
  const found: Finding[] = alone.map(({ name, ready, delayed }) => ({
    check: 'workers',
    state: 'warn',
    message: `queue "${name}" has ${ready} ready and ${delayed} delayed steps, and no worker serves it`,
    next: `Start one: reeve worker -Q ${name}`,
  }));
  for (const { host, pid, version: theirs } of others) {
    const message = `the worker ${host}/${pid} has version ${theirs} of Reeve, this is ${version}`;
    found.push({ check: 'workers', state: 'warn', message, next: 'Finish the deployment.' });
  }
  return found.length > 0 ? found : [ok('workers', `${alive.length} alive; no queue with work lacks one`)];
};

const schedules: Check = async (reeve) => {
  const all = await reeve.schedules.list();
  const orphans = all.filter(({ state }) => state === 'unknown');
  if (orphans.length === 0) return [ok('schedules', `${all.length}, each with a target in code`)];
  return orphans.map(({ name, target }) => ({
    check: 'schedules',
    state: 'warn',
    message: `schedule "${name}" starts ${target.kind} "${target.name}", which this application does not have`,
    next: `Delete it (reeve schedule delete ${name}), or run this on the application that has its target.`,
  }));
};

/** The invariants of the ledger; harmless beside running work. */
const invariants: Check = async (reeve) => {
  const violations = await reeve.checkInvariants();
  if (violations.length === 0) return [ok('invariants', 'no row breaks a rule of the ledger')];
  return violations.map(({ invariant, what, row }) => ({
    check: 'invariants',
    state: 'fail',
    message: `${invariant}: ${what}: ${JSON.stringify(row)}`,
    next: 'Keep the row and report it: this is a defect of Reeve, or somebody has edited its tables.',
  }));
};

/** All that can be looked at; what cannot be, because the ledger does not answer, is left out. */
export async function findings(reeve: Reeve, withInvariants: boolean): Promise<Finding[]> {
  const first = await tried('ledger', ledger, reeve);
  if (first.some(({ state }) => state === 'fail')) return [...first, ...(await tried('broker', broker, reeve))];
  const rest: [string, Check][] = [
    ['clock', clock],
    ['broker', broker],
    ['workers', workers],
    ['schedules', schedules],
    ...(withInvariants ? [['invariants', invariants] as [string, Check]] : []),
  ];
  const found = [...first];
  for (const [name, check] of rest) found.push(...(await tried(name, check, reeve)));
  return found;
}

async function tried(name: string, check: Check, reeve: Reeve): Promise<readonly Finding[]> {
  try {
    return await check(reeve);
  } catch (error) {
    const message = Error.isError(error) ? error.message : String(error);
    const next = isReeveError(error) ? errorCatalogue[error.code].next : 'See the message.';
    return [{ check: name, state: 'fail', message, next }];
  }
}
