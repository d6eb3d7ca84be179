import { Contestant } from '../contestant.ts';
import { reeveOnPostgres, reeveOnRedis } from '../contenders.ts';
import { figure, limitRow, type Bench, type Row } from '../measure.ts';

/** A command of a player through queue, sandbox and transaction, one after another. */
export async function verbCommands(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  const count = bench.size.quick ? 20 : 200;
  for (const contender of bench.servers.hasRedis ? [reeveOnRedis, reeveOnPostgres] : [reeveOnPostgres]) {
    const contestant = await Contestant.start({ ...contender, env: { WORLD: 'on' } }, bench.servers);
    try {
      await contestant.ask('commands', { line: 'look', count: 20 });
      const medians: number[] = [];
      for (let round = 0; round < bench.size.rounds; round += 1) {
        medians.push(figure(await contestant.ask<number[]>('commands', { line: 'look', count })).median);
      }
      const question = `verb command "look", p50, ${contender.name}`;
      rows.push(limitRow(question, 'ms', figure(medians), { kind: 'at most', ratio: 15 }));
    } finally {
      await contestant.stop();
    }
  }
  return rows;
}
