import type { JsonValue } from '../../core/json.ts';
import type { Logger } from '../../core/logging.ts';
import type { Connection } from '../../executions/connection.ts';

export type MessageKind = 'text' | 'say' | 'emote' | 'system' | 'error';

export interface NewMessage {
  readonly player: number;
  readonly kind: MessageKind;
  readonly body: string;
  /** Who caused it, by which verb, of whose: set by the host, never by a verb. */
  readonly provenance: JsonValue;
  /** Whose flood limit it counts against; null for what is exempt: own output and the engine's own words. */
  readonly account: number | null;
}

export interface Message {
  readonly id: number;
  readonly kind: MessageKind;
  readonly body: string;
  readonly provenance: JsonValue;
  readonly at: Date;
}

const windowSeconds = 10;

/**
 * What players are shown, at once and for good: on connections of its own, outside the transaction of the task, so that
 * a rollback does not take back what was said. Lines that are written together are stored together, in order.
 */
export class MessageWriter {
  readonly #connection: Connection;
  readonly #perWindow: number;
  readonly #logger: Logger;
  #pending: NewMessage[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(connection: Connection, perWindow: number, logger: Logger) {
    this.#connection = connection;
    this.#perWindow = perWindow;
    this.#logger = logger;
  }

  write(message: NewMessage): void {
    this.#pending.push(message);
    if (this.#pending.length > 1) return;
    this.#writing = this.#writing.then(() => this.#flush());
  }

  /** Until everything that was written before is stored. */
  flushed(): Promise<void> {
    return this.#writing;
  }

  async #flush(): Promise<void> {
    const messages = this.#pending;
    this.#pending = [];
    try {
      const kept = await this.#withinLimit(messages);
      if (kept.length > 0) await insertMessages(this.#connection, kept);
    } catch (error) {
      this.#logger.warn({ event: 'verb.message', err: error, lost: messages.length }, 'messages could not be stored');
    }
  }

  async #withinLimit(messages: readonly NewMessage[]): Promise<NewMessage[]> {
    const left = new Map<number, number>();
    const counted = Map.groupBy(
      messages.filter(({ account }) => account !== null),
      ({ account }) => account ?? 0,
    );
    for (const [account, lines] of counted) left.set(account, await this.#admit(account, lines.length));
    return messages.filter(({ account }) => {
      if (account === null) return true;
      const room = left.get(account) ?? 0;
      left.set(account, room - 1);
      return room > 0;
    });
  }

  /** How many of these lines an account may still send within the window, counted across all processes. */
  async #admit(account: number, lines: number): Promise<number> {
    const { schema } = this.#connection;
    const { rows } = await this.#connection.query<{ lines: number }>(
      `INSERT INTO ${schema}.moo_flood AS f (account_id, window_start, lines) VALUES ($1, clock_timestamp(), $2)
       ON CONFLICT (account_id) DO UPDATE SET
         lines = CASE WHEN f.window_start < clock_timestamp() - $3 * interval '1 second' THEN $2
           ELSE least(f.lines + $2, 1000000000) END,
         window_start = CASE WHEN f.window_start < clock_timestamp() - $3 * interval '1 second' THEN clock_timestamp()
           ELSE f.window_start END
       RETURNING lines`,
      [account, lines, windowSeconds],
    );
    return Math.max(0, this.#perWindow - ((rows[0]?.lines ?? 0) - lines));
  }
}

/** One statement for all of them; the ids grow in the order given. Nobody's who is no player. */
async function insertMessages(connection: Connection, messages: readonly NewMessage[]): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `INSERT INTO ${schema}.moo_message (player_id, kind, body, provenance)
     SELECT player_id, kind, body, provenance
     FROM unnest($1::int[], $2::text[], $3::text[], $4::jsonb[]) WITH ORDINALITY
       AS m (player_id, kind, body, provenance, place)
     WHERE EXISTS (SELECT 1 FROM ${schema}.moo_player p WHERE p.avatar_id = m.player_id) ORDER BY place`,
    [
      messages.map(({ player }) => player),
      messages.map(({ kind }) => kind),
      messages.map(({ body }) => body),
      messages.map(({ provenance }) => JSON.stringify(provenance)),
    ],
  );
}

/** The messages of a player behind a place, oldest first; without a place the newest ones. */
export async function listMessages(
  connection: Connection,
  player: number,
  page: { readonly after: number | undefined; readonly limit: number },
): Promise<Message[]> {
  const { rows } = await connection.query<Omit<Message, 'id'> & { id: string }>(
    `SELECT id, kind, body, provenance, created_at AS at FROM ${connection.schema}.moo_message
     WHERE player_id = $1 AND id > $2 ORDER BY id ${page.after === undefined ? 'DESC' : ''} LIMIT $3`,
    [player, page.after ?? 0, page.limit],
  );
  const messages = rows.map((row) => ({ ...row, id: Number(row.id) }));
  return page.after === undefined ? messages.toReversed() : messages;
}
