import { isReeveError } from '../../src/index.ts';
import type { Engine } from '../../src/reeve-engine.ts';
import type { TestRandom } from '../support/random.ts';
import { ThingSchema, type ClusterApp, type Work } from './cluster-app.ts';
import type { OutsideWorld } from './outside-world.ts';
import { seededUuid } from './virtual-time.ts';
import type { SimulatedDatabase } from './simulated-database.ts';

export interface ClientOptions {
  readonly app: ClusterApp;
  readonly engine: Engine;
  readonly random: TestRandom;
  readonly world: OutsideWorld;
  readonly database: SimulatedDatabase;
  /** The ids of requests that were started, for operators. */
  readonly started: string[];
  readonly kinds: readonly Kind[];
}

const kinds = [
  'chain',
  'chain',
  'group',
  'create',
  'create',
  'act',
  'act',
  'hold',
  'parent',
  'mixed',
  'tidy',
  'bare',
  'commit',
] as const;
export type Kind = (typeof kinds)[number];

/** What is asked for in one scenario: where there is a little of everything, little of one kind meets. */
export function someKinds(random: TestRandom): readonly Kind[] {
  return random.shuffle(kinds).slice(0, random.int(2, kinds.length));
}

/** Thrown on purpose inside a transaction. */
class RollBack extends Error {}

/** Asks for one operation of a random kind, as often as it takes until it is answered; or, in a transaction, once. */
export async function request(options: ClientOptions, id: string): Promise<void> {
  const { random, world } = options;
  const kind = random.pick(options.kinds);
  const name = `${random.pick(['a', 'b'])} ${id}`;
  const isGood = random.next() < 0.8;
  const throttles = kind === 'act' ? ['wide'] : kind === 'create' ? [`narrow ${name.charAt(0)}`] : [];
  const asked = {
    kind,
    id,
    name,
    isGood,
    works: someWorks(random, throttles),
    thingId: seededUuid(random),
    otherId: seededUuid(random),
  };
  world.ask(id);
  for (;;) {
    try {
      const answer = await start(options, asked);
      if (answer.executionId !== undefined) options.started.push(answer.executionId);
      if (answer.what !== undefined) world.answered(id, answer.what, answer.executionId);
      return;
    } catch (error) {
      if (!isPassing(error)) throw error;
      // Whether it was started nobody knows, and without a key it may not be asked again.
      if (kind === 'bare') return;
      await pause(300);
    }
  }
}

interface AskedFor {
  readonly kind: Kind;
  readonly id: string;
  readonly name: string;
  readonly isGood: boolean;
  readonly works: readonly Work[];
  readonly thingId: string;
  readonly otherId: string;
}

interface Answer {
  readonly what: 'started' | 'rolled back' | undefined;
  readonly executionId?: string;
}

async function start(options: ClientOptions, asked: AskedFor): Promise<Answer> {
  const { app, engine, random } = options;
  const { kind, id, works } = asked;
  const { executors, tasks } = app;
  const rest = [{ works }, { idempotencyKey: id, context: { request: id } }] as const;
  const of = async (scheduled: Promise<{ executionId: string }>): Promise<Answer> => ({
    what: 'started',
    executionId: (await scheduled).executionId,
  });
  switch (kind) {
    case 'chain':
    case 'group':
    case 'parent':
    case 'mixed':
      return of(engine.starts.alone(executors[kind], rest));
    case 'bare':
      return of(engine.starts.alone(tasks.step, [works[0], { context: { request: id } }]));
    case 'tidy': {
      // Refused while one with the same key is alive, and remembered then: it has no execution of its own.
      await engine.starts.alone(tasks.tidy, [{ what: `tidy ${random.int(1, 2)}` }]);
      return { what: undefined };
    }
    case 'create':
    case 'act':
    case 'hold':
    case 'commit':
      return inTransaction(options, asked, kind);
    default:
      throw new Error(`unknown kind ${String(kind)}`);
  }
}

/** In a transaction of the application's own, which does not always commit. */
async function inTransaction(
  { app, engine, database }: ClientOptions,
  { id, name, isGood, works, thingId, otherId }: AskedFor,
  kind: 'create' | 'act' | 'hold' | 'commit',
): Promise<Answer> {
  const options = { context: { request: id } };
  let isCommitting = false;
  try {
    const executionId = await database.dataSource.transaction(async (manager) => {
      isCommitting = false;
      const started = await (async () => {
        if (kind === 'commit') return engine.starts.in(manager, app.executors.chain, [{ works }, options]);
        const state = kind === 'create' ? 'creation_scheduled' : 'ok';
        const insert = (row: object): Promise<unknown> => manager.insert(ThingSchema, row);
        await insert({ id: thingId, name, state });
        if (kind === 'hold') await insert({ id: otherId, name: `${name} other`, state: 'ok' });
        const row = await manager.findOneByOrFail(ThingSchema, { id: thingId });
        const input = kind === 'hold' ? { works, other: otherId } : { works };
        return engine.starts.in(manager, app.executors[kind], [row, input, options]);
      })();
      if (!isGood) throw new RollBack();
      isCommitting = true;
      return started.executionId;
    });
    return { what: 'started', executionId };
  } catch (error) {
    if (error instanceof RollBack) return { what: 'rolled back' };
    if (isCommitting) return { what: undefined };
    throw error;
  }
}

function someWorks(random: TestRandom, throttles: readonly string[]): Work[] {
  return Array.from({ length: random.int(1, 3) }, () => {
    const luck = random.next();
    const fate = luck < 0.08 ? 'fails' : luck < 0.2 ? 'fails once' : 'works';
    return { ms: random.pick([0, 0, 50, 300, 900, 2_500]), fate, throttles: [...throttles] };
  });
}

/** One act of an operator on something that was started; what is refused for its state is refused. */
export async function operate({ engine, random, started }: ClientOptions): Promise<void> {
  if (started.length === 0) return;
  const id = random.pick(started);
  const by = { by: 'an operator', reason: 'simulation' };
  const { control } = engine;
  try {
    switch (random.pick(['cancel', 'retry', 'pause', 'queue'] as const)) {
      case 'cancel':
        await control.cancel(id, by);
        break;
      case 'retry':
        await control.retry(id, by);
        break;
      case 'pause':
        await control.pause(id, by);
        await pause(random.int(100, 2_000));
        await control.resume(id, by);
        break;
      case 'queue':
        await control.pauseQueue('tasks', by);
        await pause(random.int(100, 1_000));
        await control.resumeQueue('tasks', by);
        break;
    }
  } catch (error) {
    if (!isReeveError(error) && !isPassing(error)) throw error;
  }
}

/** What operators have paused goes on: they may be dead by now. */
export async function resumeAll({ engine, started }: ClientOptions): Promise<void> {
  const by = { by: 'an operator' };
  await engine.control.resumeQueue('tasks', by);
  for (const id of started) {
    const { rows } = await engine.pool.query<{ state: string }>(`SELECT state FROM reeve.execution WHERE id = $1`, [
      id,
    ]);
    if (rows[0]?.state === 'paused') await engine.control.resume(id, by);
  }
}

function isPassing(error: unknown): boolean {
  if (isReeveError(error)) return error.retryable || error.code === 'LEDGER_UNAVAILABLE';
  const { code } = error as { code?: string };
  return (
    code === 'ECONNREFUSED' || code === 'ECONNRESET' || (Error.isError(error) && error.message.startsWith('simulated'))
  );
}

export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
