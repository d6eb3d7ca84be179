import { playAs, type Played, type WorldPlayer } from '../../src/testing/moo/play-world.ts';
import type { ReeveOptions, VerbOptions, WorkerHandle, WorldAnswer } from '../../src/index.ts';
import { makeBundle, type BrokerName, type Bundle } from './bundle.ts';
import { eventually } from './eventually.ts';

export interface WorldBundle extends AsyncDisposable {
  readonly bundle: Bundle;
  readonly wizard: WorldPlayer;
  readonly prog: WorldPlayer;
  /** The worker of this process. */
  readonly worker: WorkerHandle;
  /** Runs code as somebody; fails unless it succeeds. */
  code(who: string, source: string): Promise<WorldAnswer>;
  /** What code gives back, as text. */
  text(who: string, source: string): Promise<string>;
  /** Gives an object (an expression) a verb, owned by `who`. */
  verb(who: string, on: string, names: string, source: string): Promise<void>;
  run(who: string, line: string): Promise<Played>;
  /** The value of an expression, as the wizard sees it. */
  value(expression: string): Promise<unknown>;
  /** The bodies of all messages that a player got. */
  heard(who: string): Promise<string[]>;
  /** How many executions of a task there are. */
  count(task: string): Promise<number>;
  /** Waits until no task of a verb is alive. */
  quiet(): Promise<void>;
}

/** A world with Wizard and Prog in the Lobby, and a worker for verbs. */
export async function makeWorld(
  broker: BrokerName,
  verbs: VerbOptions = {},
  options: Partial<ReeveOptions> = {},
): Promise<WorldBundle> {
  const bundle = await makeBundle(broker, { verbs, ...options });
  const { reeve } = bundle;
  try {
    await reeve.world.init();
    const worker = await reeve.startWorker({ queues: ['verbs'] });
    const players: Record<string, WorldPlayer> = { Wizard: await playAs(reeve, 'Wizard') };
    const code = async (who: string, source: string): Promise<WorldAnswer> => {
      const answer = await reeve.world.code(who, source);
      if (answer.state !== 'ok') throw new Error(`${source}\n${answer.error?.message}`);
      return answer;
    };
    // A cold sandbox on a busy machine may need more than a short limit.
    for (let tries = 0; tries < 10; tries += 1) {
      if ((await players['Wizard']?.run('@player Prog'))?.exitStatus === 0) break;
    }
    players['Prog'] = await playAs(reeve, 'Prog');
    const count = async (task: string): Promise<number> => {
      const rows = await bundle.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM reeve.execution WHERE executor = $1`,
        [`verbs.${task}`],
      );
      return rows[0]?.n ?? 0;
    };
    return {
      bundle,
      worker,
      wizard: players['Wizard'] as WorldPlayer,
      prog: players['Prog'],
      code,
      text: async (who, source) => JSON.stringify((await code(who, source)).result).replaceAll('"', ''),
      async verb(who, on, names, source) {
        const [first = '', specs = '{}'] = names.split(' -- ');
        await code(who, `${on}.addVerb(${JSON.stringify(first)}, ${JSON.stringify(source)}, ${specs})`);
      },
      async run(who, line) {
        const player = players[who];
        if (player === undefined) throw new Error(`there is no ${who}`);
        return player.run(line);
      },
      async value(expression) {
        const answer = await reeve.world.code('Wizard', expression, { mode: 'eval' });
        if (answer.state !== 'ok') throw new Error(`${expression}: ${answer.error?.message}`);
        return answer.result;
      },
      async heard(who) {
        return (await reeve.world.messages(who)).map(({ body }) => body);
      },
      count,
      async quiet() {
        await eventually(async () => {
          const rows = await bundle.query(`SELECT id FROM reeve.execution WHERE active AND executor LIKE 'verbs.%'`);
          if (rows.length > 0) throw new Error(`${rows.length} verb tasks are alive`);
        });
      },
      [Symbol.asyncDispose]: () => bundle[Symbol.asyncDispose](),
    };
  } catch (error) {
    await bundle[Symbol.asyncDispose]();
    throw error;
  }
}
