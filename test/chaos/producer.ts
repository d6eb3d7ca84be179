import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { isReeveError, parseCode } from '../../src/index.ts';
import { seededRandom, type TestRandom } from '../support/random.ts';
import { leaseMs, ThingSchema, type ChaosApp, type Work } from './chaos-app.ts';
import { countingCode } from './verb-load.ts';

const kinds = [
  'chain',
  'chain',
  'group',
  'turns',
  'turns',
  'create',
  'create',
  'create',
  'act',
  'act',
  'parent',
  'tidy',
  'commit',
  'commit',
  'cancel',
  'verb',
  'verb',
  'burst',
] as const;
const mostAlive = 120;

/** Thrown on purpose inside a transaction; it is no accident. */
class RollBack extends Error {}

/** Starts operations of all kinds until it is told to stop by a line on its standard input, or killed. */
export async function produce(app: ChaosApp, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const stop = new AbortController();
  once(process.stdin, 'data').then(
    () => stop.abort(),
    () => stop.abort(),
  );
  for (let count = 0; !stop.signal.aborted; count += 1) {
    const kind = random.pick(kinds);
    const id = `${seed}-${process.pid}-${count}`;
    if (kind === 'burst') await burst(app, random, id);
    else await ask(app, random, { id, kind });
    await pause(random.int(20, 150));
    while (!stop.signal.aborted && (await countAlive(app)) > mostAlive) await pause(300);
  }
  process.stdout.write('stopped\n');
  process.exit(0);
}

interface Asked {
  readonly id: string;
  readonly kind: Exclude<(typeof kinds)[number], 'burst'>;
  readonly letter?: string;
}

async function ask(app: ChaosApp, random: TestRandom, asked: Asked): Promise<void> {
  await app.outside.ask(asked.id, asked.kind);
  // What is asked again is the same.
  const seed = random.int(0, 2 ** 30);
  await untilAnswered(app, asked.id, () => start(app, seededRandom(seed), asked));
}

/** Several at once in one line, so that whoever gives permits meets others who do. */
async function burst(app: ChaosApp, random: TestRandom, id: string): Promise<void> {
  const letter = random.pick(['a', 'b', 'c']);
  await Promise.all([1, 2, 3, 4, 5].map((n) => ask(app, random, { id: `${id}/${n}`, kind: 'create', letter })));
}

async function countAlive({ dataSource }: ChaosApp): Promise<number> {
  const rows = await dataSource
    .query<{ n: number }[]>('SELECT count(*)::integer AS n FROM reeve.execution WHERE active')
    .catch(() => []);
  return rows[0]?.n ?? 0;
}

/** What a lost connection has left open is asked again, with the same key; a transaction of the caller's is not. */
async function untilAnswered({ outside }: ChaosApp, id: string, attempt: () => Promise<Answer>): Promise<void> {
  for (;;) {
    try {
      const { answer, executionId } = await attempt();
      if (answer !== undefined) await outside.answer(id, answer, executionId);
      return;
    } catch (error) {
      if (isReeveError(error) && !error.retryable && error.code !== 'LEDGER_UNAVAILABLE') throw error;
      await pause(200);
    }
  }
}

interface Answer {
  /** Absent where nobody can know: the answer to a COMMIT was lost. */
  readonly answer?: 'started' | 'rolled back';
  readonly executionId: string | null;
}

async function start(app: ChaosApp, random: TestRandom, { id, kind, letter }: Asked): Promise<Answer> {
  const { reeve } = app;
  const options = { idempotencyKey: id, context: { request: id } };
  const input = { works: someWorks(random) };
  switch (kind) {
    case 'chain':
      return started(reeve.execute(app.chain, input, options));
    case 'group':
      return started(reeve.execute(app.group, input, options));
    case 'turns':
      return started(reeve.execute(app.turns, { works: someWorks(random, ['open']) }, options));
    case 'parent':
      return started(reeve.execute(app.parent, input, options));
    case 'verb': {
      const { id: caller } = await reeve.world.avatar('Wizard');
      return started(reeve.execute(parseCode, { caller, source: countingCode }, options));
    }
    case 'cancel': {
      const answer = await started(reeve.execute(app.group, input, options));
      await pause(random.int(0, 500));
      await reeve.cancel(answer.executionId ?? '', { reason: 'chaos', by: 'a producer' });
      return answer;
    }
    case 'tidy': {
      // Refused while one with the same key is alive, and remembered then: it has no execution of its own.
      await reeve.execute(app.tidy, { what: `tidy ${random.int(1, 3)}` });
      return { executionId: null };
    }
    case 'create':
    case 'act':
    case 'commit':
      return inTransaction(app, random, { id, kind, letter: letter ?? random.pick(['a', 'b', 'c']) });
    default:
      throw new Error(`unknown kind ${kind as string}`);
  }
}

async function started(scheduled: Promise<{ executionId: string }>): Promise<Answer> {
  return { answer: 'started', executionId: (await scheduled).executionId };
}

/** In a transaction of the application's own, which does not always commit. */
async function inTransaction(
  app: ChaosApp,
  random: TestRandom,
  { id, kind, letter }: { readonly id: string; readonly kind: 'create' | 'act' | 'commit'; readonly letter: string },
): Promise<Answer> {
  const { reeve, dataSource } = app;
  const isGood = random.next() < 0.7;
  const options = { context: { request: id } };
  let committing = false;
  try {
    const executionId = await dataSource.transaction(async (manager) => {
      const state = kind === 'create' ? 'creation_scheduled' : 'ok';
      const mine = reeve.in(manager);
      const throttles = kind === 'create' ? [`narrow ${letter}`] : ['wide'];
      const input = { works: someWorks(random, kind === 'commit' ? [] : throttles) };
      const scheduled = await (async () => {
        if (kind === 'commit') return mine.execute(app.chain, input, options);
        const thing = await manager.save(ThingSchema, { name: `${letter} ${id}`, state });
        const row = await manager.findOneByOrFail(ThingSchema, { id: thing.id });
        return kind === 'create'
          ? mine.execute(app.create, row, input, options)
          : mine.execute(app.act, row, input, options);
      })();
      if (!isGood) throw new RollBack();
      committing = true;
      return scheduled.executionId;
    });
    return { answer: 'started', executionId };
  } catch (error) {
    if (error instanceof RollBack) return { answer: 'rolled back', executionId: null };
    if (committing) return { executionId: null };
    throw error;
  }
}

/**
 * One to three pieces of work. One in sixty hangs its worker for about as long as a lease, or longer; one in six, where
 * no throttle waits for it, is long enough to be still there when its worker wakes up; one in two hundred ends its worker.
 */
function someWorks(random: TestRandom, throttles: readonly string[] = []): Work[] {
  return Array.from({ length: random.int(1, 3) }, () => {
    const block = random.next() < 1 / 60;
    const isLong = !block && throttles.length === 0 && random.next() < 1 / 6;
    const ms = block
      ? random.int(leaseMs * 0.85, leaseMs * 1.8)
      : isLong
        ? random.int(leaseMs * 0.5, leaseMs * 1.5)
        : random.int(5, 400);
    return { ms, block, patient: random.next() < 0.5, hoard: random.next() < 1 / 200, throttles: [...throttles] };
  });
}
