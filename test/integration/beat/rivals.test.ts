import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { defineTask } from '../../../src/index.ts';
import { describeOnBrokers, makeBundle, redisUrlOf, type BrokerName } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { runAlone } from '../../support/alone.ts';

runAlone();

/** REEVE_TEST_BEAT_SECONDS=60 REEVE_TEST_BEAT_SCHEDULES=200 is the full run, for a machine that does nothing else. */
const seconds = Number(process.env['REEVE_TEST_BEAT_SECONDS'] ?? '12');
const count = Number(process.env['REEVE_TEST_BEAT_SCHEDULES'] ?? '50');
const isFull = seconds >= 60 && count >= 200;
const killEveryMs = isFull ? 10_000 : 3_000;
const latenessLimitMs = isFull ? 500 : 5_000;
const beatApp = new URL('../../support/beat-app.ts', import.meta.url).pathname;
const tick = defineTask({ name: 'tick', run: () => null });

class BeatProcess implements AsyncDisposable {
  readonly #environment: Record<string, string | undefined>;
  #process: ChildProcess | undefined;

  constructor(url: string, broker: BrokerName, aheadMs = 0) {
    this.#environment = {
      TEST_URL: url,
      TEST_REDIS: redisUrlOf(broker) ?? '',
      TEST_CLOCK_AHEAD: String(aheadMs),
      PGAPPNAME: 'beat',
    };
  }

  async start(): Promise<void> {
    this.#process = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', beatApp], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...this.#environment },
    });
    if (this.#process.stdout !== null) await once(this.#process.stdout, 'data');
  }

  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

describeOnBrokers('three beats, one killed again and again and one whose clock is two hours ahead', (broker) => {
  it(
    `give each due time of ${count} schedules one verdict and one execution`,
    async () => {
      await using bundle = await makeBundle(broker, { tasks: [tick] });
      await using steady = new BeatProcess(bundle.url, broker);
      await using ahead = new BeatProcess(bundle.url, broker, 2 * 3_600_000);
      await using mortal = new BeatProcess(bundle.url, broker);
      await Promise.all([steady.start(), ahead.start(), mortal.start()]);
      const starts = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 6_000);
      const ends = new Date(starts.getTime() + (seconds - 1) * 1_000);
      const policies = { overlap: 'allow', catchUp: { window: '1h', limit: 1_000 } } as const;
      for (let index = 0; index < count; index += 1) {
        const when = { every: '1s', starts, ends } as const;
        await bundle.reeve.schedules.create({ name: `s${index}`, target: tick, ...when, ...policies });
      }
      let kills = 0;
      while (Date.now() < ends.getTime()) {
        await pause(killEveryMs);
        await mortal.kill();
        kills += 1;
        await mortal.start();
      }
      await eventually(
        async () => {
          const open = await bundle.query(`SELECT 1 FROM reeve.schedule WHERE next_due_at IS NOT NULL`);
          expect(open).toHaveLength(0);
        },
        { timeoutMs: 30_000, pauseMs: 500 },
      );
      const fires = await bundle.query<{ verdict: string; fires: number; due: number }>(
        `SELECT verdict, count(*)::integer AS fires, count(DISTINCT due_at)::integer AS due
         FROM reeve.schedule_fire GROUP BY verdict`,
      );
      expect(fires).toEqual([{ verdict: 'fired', fires: count * seconds, due: seconds }]);
      const [executions] = await bundle.query<{ all: number; distinct: number }>(
        `SELECT count(*)::integer AS all, count(DISTINCT (schedule_id, schedule_due_at))::integer AS distinct
         FROM reeve.execution`,
      );
      expect(executions).toEqual({ all: count * seconds, distinct: count * seconds });
      const [lateness] = await bundle.query<{ p50: number; p99: number; max: number }>(
        `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY late) AS p50,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY late) AS p99, max(late) AS max
         FROM (SELECT (extract(epoch FROM fired_at - due_at) * 1000)::float8 AS late FROM reeve.schedule_fire) AS l`,
      );
      const { p50 = 0, p99 = 0, max = 0 } = lateness ?? {};
      process.stderr.write(
        `beats (${broker}): ${count * seconds} fires, ${kills} kills; lateness p50 ${Math.round(p50)} ms, p99 ${Math.round(p99)} ms, max ${Math.round(max)} ms\n`,
      );
      expect(p99).toBeLessThan(latenessLimitMs);
    },
    (seconds + 90) * 1_000,
  );
});

describeOnBrokers('a beat whose connections are cut again and again', (broker) => {
  it('loses no due time, and doubles none', async () => {
    await using bundle = await makeBundle(broker, { tasks: [tick] });
    const starts = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000);
    const ends = new Date(starts.getTime() + 5_000);
    for (let index = 0; index < 10; index += 1) {
      const when = { every: '1s', starts, ends } as const;
      await bundle.reeve.schedules.create({
        name: `s${index}`,
        target: tick,
        ...when,
        overlap: 'allow',
        catchUp: { window: '1h' },
      });
    }
    await using beat = new BeatProcess(bundle.url, broker);
    await beat.start();
    let cuts = 0;
    while (Date.now() < ends.getTime()) {
      await pause(400);
      const cut = await bundle.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name IN ('reeve', 'beat')`,
      );
      cuts += cut.length;
    }
    expect(cuts).toBeGreaterThan(0);
    await eventually(
      async () => {
        expect(await bundle.query(`SELECT 1 FROM reeve.schedule WHERE next_due_at IS NOT NULL`)).toHaveLength(0);
      },
      { timeoutMs: 20_000 },
    );
    const fires =
      await bundle.query(`SELECT count(*)::integer AS n, count(DISTINCT (schedule_id, due_at))::integer AS d,
      count(DISTINCT execution_id)::integer AS e FROM reeve.schedule_fire WHERE verdict IN ('fired', 'caught_up')`);
    expect(fires).toEqual([{ n: 60, d: 60, e: 60 }]);
  });
});
