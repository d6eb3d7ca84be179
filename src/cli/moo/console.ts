import { createInterface, type Interface } from 'node:readline';
import process from 'node:process';
import type { Avatar } from '../../moo/bootstrap/init-world.ts';
import type { Reeve } from '../../reeve.ts';
import { harmless } from '../terminal.ts';
import { answerLines } from './answer-text.ts';
import { readHistory, writeHistory } from './history.ts';

const pollMs = 150;
const lookedAt = 300;

/**
 * A prompt for one player, until Ctrl+D or `exit`. Lines run in the order typed; what the player is told meanwhile is
 * shown above the prompt.
 */
export async function runConsole(reeve: Reeve, player: Avatar): Promise<void> {
  const isTerminal = process.stdin.isTTY;
  const prompt = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: isTerminal ? `${player.name}> ` : '',
    terminal: isTerminal,
    history: isTerminal ? readHistory() : [],
    historySize: 500,
  });
  prompt.on('history', (history: string[]) => writeHistory(history));
  const told = await MessageTail.start(reeve, player.id);
  show(prompt, [`You are ${player.name} (#${player.id}). Commands, ;expression, ;;statements; Ctrl+D ends.`]);
  let turn = Promise.resolve();
  const timer = setInterval(() => {
    turn = turn.then(async () => show(prompt, await told.read())).catch(() => undefined);
  }, pollMs);
  prompt.prompt();
  try {
    for await (const line of prompt) {
      if (line.trim() === 'exit') break;
      if (line.trim() !== '') {
        const answer = await reeve.world.line(player.id, line).catch((error: unknown) => String(error));
        turn = turn.then(async () => {
          const lines = typeof answer === 'string' ? [answer] : answerLines(answer);
          show(prompt, [...(await told.read()), ...lines]);
        });
        await turn;
      }
      prompt.prompt();
    }
  } finally {
    clearInterval(timer);
    await turn;
    prompt.close();
  }
}

/** Above the prompt, and the prompt again below, with what was typed already. */
function show(prompt: Interface, lines: readonly string[]): void {
  if (lines.length === 0) return;
  const clear = process.stdin.isTTY ? '\r\u001B[K' : '';
  process.stdout.write(`${clear}${lines.map((line) => harmless(line)).join('\n')}\n`);
  prompt.prompt(true);
}

/** What a player is told from now on. Ids may come to light out of order, so the newest ones are compared with those that were shown. */
class MessageTail {
  readonly #reeve: Reeve;
  readonly #player: number;
  #seen: Set<number>;

  private constructor(reeve: Reeve, player: number, seen: Set<number>) {
    this.#reeve = reeve;
    this.#player = player;
    this.#seen = seen;
  }

  static async start(reeve: Reeve, player: number): Promise<MessageTail> {
    const messages = await reeve.world.messages(player, { limit: lookedAt });
    return new MessageTail(reeve, player, new Set(messages.map(({ id }) => id)));
  }

  async read(): Promise<string[]> {
    const messages = await this.#reeve.world.messages(this.#player, { limit: lookedAt });
    const fresh = messages.filter(({ id }) => !this.#seen.has(id));
    this.#seen = new Set(messages.map(({ id }) => id));
    return fresh.map(({ body }) => body);
  }
}
