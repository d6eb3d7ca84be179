import { In } from 'typeorm';
import { DatabaseSchema, ServerSchema, type Server } from './entities.ts';
import { dropEverything, namesInUse, removeRedisKeys } from './leftovers.ts';
import type { Manifest } from './manifest.ts';
import { wordsOf } from './operations.ts';
import { dataSource } from './ormconfig.ts';
import { followProgress } from './progress.ts';
import type { ProgressView } from './progress-view.ts';
import { provisionAll, type Journey } from './provision.ts';
import { checkLogin, readReality, type LoginCheck } from './reality.ts';
import reeve, { pullServer, secrets } from './reeve.config.ts';
import { databaseReport, placeOf, type DatabaseReport } from './report.ts';

/** Connects, makes the tables, and registers how all of it is taken away. */
export async function openSession(
  stack: AsyncDisposableStack,
  options: {
    readonly dropDatabases: boolean;
    readonly redisUrl: string | undefined;
    readonly notice: (text: string) => void;
  },
): Promise<void> {
  const { dropDatabases, redisUrl, notice } = options;
  await dataSource.initialize();
  stack.defer(() => dataSource.destroy());
  await reeve.migrate();
  await dataSource.synchronize();
  if (redisUrl !== undefined) stack.defer(() => removeRedisKeys(redisUrl));
  if (dropDatabases) stack.defer(() => dropEverything(notice));
  stack.defer(() => reeve.close());
  await reeve.ready();
}

export interface Ending {
  readonly databases: readonly DatabaseReport[];
  readonly login: LoginCheck | null;
  readonly pulledDatabases: number;
}

/** Everything between ready workers and the report. */
export class Session {
  readonly #manifest: Manifest;
  readonly #adminUrl: string;
  readonly #journeys: readonly Journey[];
  #server: Server | undefined;

  constructor(manifest: Manifest, adminUrl: string) {
    this.#manifest = manifest;
    this.#adminUrl = adminUrl;
    this.#journeys = manifest.databases.map((asked) => ({ asked, operations: [] }));
  }

  /** @throws an error that names what the server has already: a demo overwrites nothing. */
  async prepare(): Promise<void> {
    const taken = namesInUse(this.#manifest, await readReality(this.#adminUrl));
    if (taken.length > 0) throw new Error(`the server has these already, so nothing was started: ${taken.join(', ')}`);
    this.#server = await dataSource.manager.save(ServerSchema, { ...this.#manifest.server });
  }

  async provision(view: ProgressView, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const shown = followProgress(this.#journeys, (lines) => view.show(lines), over.signal);
    try {
      await provisionAll(this.#journeys, this.#requireServer(), signal);
    } finally {
      over.abort();
      await shown.finally(() => view.end());
    }
  }

  /** Asks the server, in three ways: a background task of Reeve, a fresh connection, and a login as an owner. */
  async check(): Promise<Ending> {
    const pull = await reeve.execute(pullServer, { serverId: this.#requireServer().id });
    const pulled = await reeve.result(pull.executionId, { timeout: '30s' });
    const ids = this.#journeys.flatMap(({ id }) => id ?? []);
    const rows = new Map(
      (await dataSource.manager.findBy(DatabaseSchema, { id: In(ids) })).map((row) => [row.id, row]),
    );
    const real = await readReality(this.#adminUrl);
    const words = {
      creation: wordsOfCreation,
      followUp: (followUp: Parameters<typeof wordsOf>[0]) => wordsOf(followUp).asked,
    };
    const databases = this.#journeys.map((journey, index) =>
      databaseReport({ ...journey, row: rows.get(journey.id ?? '') }, placeOf(this.#manifest, index), real, words),
    );
    const answer = pulled.result as { readonly databases?: readonly unknown[] } | null;
    return { databases, login: await this.#login(databases), pulledDatabases: answer?.databases?.length ?? 0 };
  }

  async #login(databases: readonly DatabaseReport[]): Promise<LoginCheck | null> {
    const index = databases.findIndex(
      ({ outcome, real }) => outcome === 'done' && real.exists && /^\w+$/.test(real.name),
    );
    const real = databases[index]?.real;
    const journey = this.#journeys[index];
    if (real?.owner === undefined || real.owner === null || journey === undefined) return null;
    const password = await secrets.resolve(`databases/${journey.asked.name}`);
    return checkLogin(this.#adminUrl, { database: real.name, role: real.owner, password });
  }

  #requireServer(): Server {
    if (this.#server === undefined) throw new Error('prepare() comes first');
    return this.#server;
  }
}

function wordsOfCreation(asked: Journey['asked']): string {
  return asked.template === undefined ? 'create' : `create from ${asked.template}`;
}
