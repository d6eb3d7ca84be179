import { setTimeout as pause } from 'node:timers/promises';
import { Contestant } from '../contestant.ts';
import { reeveOnPostgres, reeveOnRedis } from '../contenders.ts';
import { fillLedger } from '../fill-ledger.ts';
import { comparison, figure, limitRow, type Bench, type Figure, type Row } from '../measure.ts';

/** A worker with nothing to do: its processor time, and what it asks PostgreSQL. */
export async function idleWorker(bench: Bench): Promise<Row[]> {
  const seconds = bench.size.quick ? 4 : 20;
  const rows: Row[] = [];
  for (const contender of bench.servers.hasRedis ? [reeveOnRedis, reeveOnPostgres] : [reeveOnPostgres]) {
    const { contestant, url } = await own(bench, contender);
    try {
      await contestant.ask('chains', { count: 10, length: 10 });
      // PostgreSQL counts what it has done with a delay.
      await pause(5_000);
      const cpu: number[] = [];
      const statements: number[] = [];
      for (let round = 0; round < bench.size.rounds; round += 1) {
        const before = { ...(await contestant.use()), commits: await commits(bench, url) };
        await pause(seconds * 1_000);
        const after = { ...(await contestant.use()), commits: await commits(bench, url) };
        cpu.push(((after.cpuSeconds - before.cpuSeconds) / seconds) * 100);
        statements.push((after.commits - before.commits) / seconds);
      }
      const name = `an idle worker, ${contender.name}`;
      rows.push(limitRow(`${name}: share of a core`, '%', figure(cpu), { kind: 'at most', ratio: 0.5 }));
      rows.push(limitRow(`${name}: statements`, 'per s', figure(statements), { kind: 'at most', ratio: 2 }));
    } finally {
      await contestant.stop();
    }
  }
  return rows;
}

/** Resident memory of a worker that has done nothing, and after very many steps. */
export async function memory(bench: Bench): Promise<Row[]> {
  const { contestant } = await own(bench, reeveOnPostgres);
  try {
    await pause(1_000);
    const idle = (await contestant.use()).megabytes;
    const steps = bench.size.quick ? 5_000 : 1_000_000;
    const sizes: number[] = [];
    const batches = 20;
    for (let batch = 0; batch < batches; batch += 1) {
      await contestant.ask('chains', { count: Math.ceil(steps / batches / 100), length: 100 });
      sizes.push((await contestant.use()).megabytes);
    }
    const [early, late] = [figure(sizes.slice(2, 7)), figure(sizes.slice(-5))];
    return [
      limitRow('memory of an idle worker', 'MB', figure([idle]), { kind: 'at most', ratio: 120 }),
      comparison(
        { question: `memory after ${steps} steps against after a tenth`, unit: 'MB', atMost: 1.1 },
        late,
        early,
      ),
    ];
  } finally {
    await contestant.stop();
  }
}

/** The same steps beside a ledger full of finished and of waiting ones. */
export async function growth(bench: Bench): Promise<Row[]> {
  const { contestant, url } = await own(bench, reeveOnPostgres);
  try {
    const count = Math.ceil(bench.size.chains / 4);
    const run = async (): Promise<Figure> => {
      const values: number[] = [];
      for (let round = -1; round < bench.size.rounds; round += 1) {
        const ms = await contestant.ask<number>('chains', { count, length: 10 });
        if (round >= 0) values.push(ms / count / 10);
      }
      return figure(values);
    };
    const empty = await run();
    const sizes = bench.size.quick
      ? { finished: 1_000_000, waiting: 100_000 }
      : { finished: 10_000_000, waiting: 1_000_000 };
    await contestant.ask('later', {});
    await fillLedger(url, sizes);
    const full = await run();
    return [
      comparison(
        {
          question: `a step beside ${sizes.finished} finished and ${sizes.waiting} waiting ones`,
          unit: 'ms',
          atMost: 1.2,
        },
        full,
        empty,
      ),
    ];
  } finally {
    await contestant.stop();
  }
}

/** A step of a plan of 2,000 against one of a plan of 20. */
export async function planSize(bench: Bench): Promise<Row[]> {
  const { contestant } = await own(bench, { ...reeveOnPostgres, env: { CONCURRENCY: '1' } });
  try {
    const steps = bench.size.quick ? 200 : 2_000;
    const [long, short]: [number[], number[]] = [[], []];
    for (let round = -1; round < bench.size.rounds; round += 1) {
      const one = await contestant.ask<number>('chains', { count: 1, length: steps });
      const many = await contestant.ask<number[]>('lone', { rounds: steps / 20, length: 20 });
      if (round < 0) continue;
      long.push(one / steps);
      short.push(many.reduce((sum, ms) => sum + ms, 0) / steps);
    }
    return [
      comparison(
        { question: `a step of a plan of ${steps} against one of a plan of 20`, unit: 'ms', atMost: 1.2 },
        figure(long),
        figure(short),
      ),
    ];
  } finally {
    await contestant.stop();
  }
}

/** Work of 5 ms without processor time, by two worker processes against one. */
export async function twoWorkers(bench: Bench): Promise<Row[]> {
  const values: [number[], number[]] = [[], []];
  const args = { count: bench.size.quick ? 200 : 2_000, ms: 5 };
  const contender = { ...reeveOnRedis, ...(bench.servers.hasRedis ? {} : reeveOnPostgres), env: { CONCURRENCY: '4' } };
  for (let round = 0; round < bench.size.rounds; round += 1) {
    for (const workers of [1, 2]) {
      const { contestant, url } = await own(bench, contender);
      const second =
        workers === 2 ? await Contestant.start(contender, { ...bench.servers, database: async () => url }) : undefined;
      try {
        await contestant.ask('waits', { ...args, count: 100 });
        values[workers - 1]?.push((args.count * 1_000) / (await contestant.ask<number>('waits', args)));
      } finally {
        await second?.stop();
        await contestant.stop();
      }
    }
  }
  const [one, two] = [figure(values[0]), figure(values[1])];
  const row = comparison(
    { question: 'two workers against one, tasks of 5 ms, four at once each', unit: 'per s', atMost: 1.9 },
    two,
    one,
  );
  return [{ ...row, goal: 'at least 1.9 ×', met: row.ratio >= 1.9 }];
}

async function own(bench: Bench, contender: typeof reeveOnRedis): Promise<{ contestant: Contestant; url: string }> {
  const url = await bench.servers.database();
  const env = { CONCURRENCY: String(bench.size.concurrency), ...contender.env };
  const contestant = await Contestant.start({ ...contender, env }, { ...bench.servers, database: async () => url });
  Object.assign(bench.versions, contestant.versions);
  return { contestant, url };
}

async function commits(bench: Bench, url: string): Promise<number> {
  const [row] = await bench.servers.admin<{ commits: string }>(
    url,
    `SELECT xact_commit + xact_rollback AS commits FROM pg_stat_database WHERE datname = current_database()`,
  );
  return Number(row?.commits);
}
