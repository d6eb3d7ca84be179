import { expect, it } from '@jest/globals';
import { runAlone } from '../../support/alone.ts';
import { standings } from '../../support/anywhere.ts';
import { describeOnBrokers, makeBundle, redisUrlOf } from '../../support/bundle.ts';
import { callTable, childApp, ThingSchema } from '../../support/child-app.ts';
import { Child } from '../../support/child.ts';
import { eventually } from '../../support/eventually.ts';
import { withinMs } from '../../support/within.ts';

runAlone();

const kinds = { create: 'creation_scheduled', update: 'ok', remove: 'ok' } as const;
const transient = ['creating', 'deleting', 'updating'];

interface LiveRow {
  readonly standing: string;
  readonly kind: string;
  readonly state: string;
  readonly waiting_for: string | null;
  readonly attempt: number;
}

/** The steps that are alive and not only pending, by what their operation is to stand in. */
const liveSteps = `SELECT e.input->>'standing' AS standing, e.executor AS kind, s.state, s.waiting_for, s.attempt
  FROM reeve.step AS s JOIN reeve.execution AS e ON e.id = s.execution_id
  WHERE e.active AND e.parent_id IS NULL AND s.state IN ('ready', 'running', 'waiting', 'delayed')`;

/** How an operation looks once it stands there. */
const looks: Readonly<Record<(typeof standings)[number], (row: LiveRow) => boolean>> = {
  running: ({ state }) => state === 'running',
  ready: ({ state }) => state === 'ready',
  retry: ({ state, attempt }) => state === 'delayed' && attempt === 1,
  countdown: ({ state }) => state === 'delayed',
  child: ({ state, waiting_for: cause }) => state === 'waiting' && cause === 'child',
  group: ({ state, waiting_for: cause }) => state === 'waiting' && cause === 'group',
  hold: ({ state, waiting_for: cause }) => state === 'waiting' && (cause === 'permit' || cause === 'hold'),
  gate: ({ state }) => state === 'running',
  expand: ({ state }) => state === 'running',
};

/** One in a step, one in a gate, one in an expansion and one in the child and the group, of each kind; and the holder. */
const atWork = 3 * 5 + 1;

describeOnBrokers('a worker that is killed while its operations stand in every live state', (broker) => {
  it('is replaced: each of creating, updating and deleting goes on from where it stood', async () => {
    await using bundle = await makeBundle(broker, { entities: [ThingSchema] });
    await bundle.query(callTable);
    const app = childApp(bundle.url, redisUrlOf(broker));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => app.dataSource.destroy());
    stack.defer(() => app.reeve.close());
    await app.dataSource.initialize();
    // Serves nothing but the regular queue, so that what is sent to another one stays ready.
    await using first = new Child('worker', bundle.url, broker, { TEST_CONCURRENCY: '40' });
    await first.line();
    const held = await app.dataSource.manager.save(ThingSchema, { name: 'held', state: 'ok' });
    const holder = await app.reeve.execute(app.slow, held.id);
    const runs: { readonly name: string; readonly executionId: string }[] = [{ name: 'held', ...holder }];
    for (const [kind, state] of Object.entries(kinds) as [keyof typeof kinds, string][]) {
      for (const standing of standings) {
        const name = `${kind} ${standing}`;
        const thing = await app.dataSource.manager.save(ThingSchema, { name, state });
        const input = { standing, name, held: standing === 'hold' ? held.id : null };
        const { executionId } = await app.reeve.execute(app.anywhere[kind], thing.id, input);
        runs.push({ name, executionId });
      }
    }
    await eventually(
      async () => {
        const rows = await bundle.query<LiveRow>(liveSteps);
        // Those inside a child and a group too: what they stand for says nothing of them.
        const running = await bundle.query(`SELECT 1 FROM reeve.step WHERE state = 'running'`);
        expect(running.length).toBeGreaterThanOrEqual(atWork);
        for (const kind of Object.keys(kinds)) {
          for (const standing of standings) {
            const mine = rows.filter((row) => row.standing === standing && row.kind === `anywhere.${kind}`);
            expect([kind, standing, mine.some((row) => looks[standing](row)), mine]).toEqual([
              kind,
              standing,
              true,
              mine,
            ]);
          }
        }
      },
      { timeoutMs: 60_000 },
    );
    const states = await bundle.query<{ state: string }>(`SELECT DISTINCT state FROM thing WHERE name <> 'held'`);
    expect(states.map(({ state }) => state).toSorted()).toEqual(transient);
    first.kill('SIGKILL');
    await first.exited;
    // A poll may have been running when they were counted, and have been over when its worker died.
    const stranded = await bundle.query(`SELECT 1 FROM reeve.step WHERE state = 'running'`);
    expect(stranded.length).toBeGreaterThanOrEqual(atWork - standings.length);
    await using second = new Child('worker', bundle.url, broker);
    await second.line();
    const killedAt = performance.now();
    for (const { name } of runs) await bundle.query(`INSERT INTO call (method, name) VALUES ('go on', $1)`, [name]);
    for (const { executionId, name } of runs) {
      const outcome = await app.reeve.result(executionId, { timeout: '60s' });
      expect([name, outcome.state, outcome.error]).toEqual([name, 'succeeded', null]);
    }
    // A lease, a reaper and what is left of fifteen seconds of a countdown, and what a busy machine adds.
    expect(performance.now() - killedAt).toBeLessThan(withinMs(35_000));
    const crashed = await bundle.query<{ n: number }>(
      `SELECT count(*)::integer AS n FROM reeve.attempt WHERE outcome = 'crashed'`,
    );
    expect(crashed[0]?.n).toBeGreaterThanOrEqual(stranded.length);
    const counted = await bundle.query(`SELECT 1 FROM reeve.step WHERE attempt > 1 AND task <> 'anywhere.failOnce'`);
    expect(counted).toEqual([]);
    const left = await bundle.query<{ state: string }>(`SELECT state FROM thing`);
    expect(left.map((row) => row.state)).toEqual(Array.from({ length: 2 * standings.length + 1 }, () => 'ok'));
  }, 240_000);
});
