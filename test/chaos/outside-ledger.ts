import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

/** What a task says of itself to the outside world. */
export interface OutsideClaim {
  /** The idempotency key of the step. */
  readonly key: string;
  readonly fence: number;
  readonly throttle: string | null;
}

const tables = `
  CREATE TABLE newest_fence (key text PRIMARY KEY, fence bigint NOT NULL);
  CREATE TABLE effect (key text, fence bigint, id uuid NOT NULL, pid integer, at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (key, fence));
  CREATE TABLE mark (id uuid PRIMARY KEY, what text NOT NULL, key text, fence bigint, throttle text, pid integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp());
  CREATE INDEX mark_of_claim ON mark (key, fence, what);
  CREATE TABLE request (id text PRIMARY KEY, kind text NOT NULL, pid integer NOT NULL, answer text, execution_id uuid,
    at timestamptz NOT NULL DEFAULT clock_timestamp())`;

/**
 * The outside world: a database of its own, whose tables the engine does not know. It refuses effects of a smaller fence
 * than it has seen, as a backend that compares fences does. Every write is repeated until it is answered, and safely so.
 */
export class OutsideLedger {
  readonly #pool: pg.Pool;

  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: 6, connectionTimeoutMillis: 5_000 });
    this.#pool.on('error', () => undefined);
  }

  async create(): Promise<void> {
    await this.#pool.query(tables);
  }

  async query<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Row[]> {
    for (;;) {
      try {
        return (await this.#pool.query<Row>(text, [...params])).rows;
      } catch (error) {
        if (isRefusedStatement(error)) throw error;
        await pause(100);
      }
    }
  }

  async mark(what: string, claim: Partial<OutsideClaim> = {}): Promise<void> {
    await this.query(
      `INSERT INTO mark (id, what, key, fence, throttle, pid) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
      [randomUUID(), what, claim.key ?? null, claim.fence ?? null, claim.throttle ?? null, process.pid],
    );
  }

  /** Whether the world has let it through: not when it has seen a larger fence of the same key. */
  async fenced({ key, fence }: OutsideClaim): Promise<boolean> {
    const rows = await this.query(
      `INSERT INTO newest_fence (key, fence) VALUES ($1, $2)
       ON CONFLICT (key) DO UPDATE SET fence = excluded.fence WHERE newest_fence.fence <= excluded.fence RETURNING 1`,
      [key, fence],
    );
    return rows.length > 0;
  }

  /** Does the work of a step outside: once for each fence, and never for a fence that is too small. */
  async effect(claim: OutsideClaim): Promise<void> {
    const id = randomUUID();
    if (!(await this.fenced(claim))) return this.mark('refused', claim);
    const done = await this.query(
      `INSERT INTO effect (key, fence, id, pid) VALUES ($1, $2, $3, $4)
       ON CONFLICT (key, fence) DO UPDATE SET pid = excluded.pid WHERE effect.id = excluded.id RETURNING 1`,
      [claim.key, claim.fence, id, process.pid],
    );
    return this.mark(done.length > 0 ? 'effect' : 'doubled', claim);
  }

  async ask(id: string, kind: string): Promise<void> {
    await this.query(`INSERT INTO request (id, kind, pid) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, [
      id,
      kind,
      process.pid,
    ]);
  }

  async answer(id: string, answer: 'started' | 'rolled back', executionId: string | null): Promise<void> {
    await this.query(`UPDATE request SET answer = $2, execution_id = $3 WHERE id = $1`, [id, answer, executionId]);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

/** Wrong in itself, whereas a lost connection or a server that starts is waited out. */
function isRefusedStatement(error: unknown): boolean {
  const { code = '' } = error as { code?: string };
  return /^(22|23|42)/.test(code);
}
