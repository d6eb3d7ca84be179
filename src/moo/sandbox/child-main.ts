/** The sandbox child: no credentials, no environment, one task at a time. Speaks over its standard input and output. */
import process from 'node:process';
import { Isolates } from './isolates.ts';
import { lockDown, type ChildOptions } from './lock-down.ts';
import type { FromChild, ToChild } from './protocol.ts';
import { encodeMessage, MessageReader } from './wire.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as ChildOptions;
const isolates = new Isolates({ memoryMb: options.isolateMb, spare: options.spare });
const waiting = new Map<number, (text: string) => void>();
const reader = new MessageReader(16 * 1024 * 1024);
let calls = 0;

const send = (message: FromChild): void => {
  process.stdout.write(encodeMessage(message));
};

function receive(message: ToChild): void {
  if (message.t === 'reply') {
    waiting.get(message.call)?.(message.text);
    waiting.delete(message.call);
    return;
  }
  if (message.t === 'reset') {
    isolates.reset();
    isolates.warm();
    send({ t: 'ready' });
    return;
  }
  const { frame } = message;
  const host = async (text: string): Promise<string> => {
    calls += 1;
    const call = calls;
    const { promise, resolve } = Promise.withResolvers<string>();
    waiting.set(call, resolve);
    send({ t: 'call', frame, call, text });
    return promise;
  };
  isolates.run(message, host).then(
    (end) => send('text' in end ? { t: 'end', frame, text: end.text } : { t: 'failed', frame, ...end }),
    () => process.exit(71),
  );
}

isolates.warm();
const walls = lockDown(options.account);
send({ t: 'hello', walls });
process.stdin.on('data', (chunk: Buffer) => {
  for (const message of reader.read(chunk)) receive(message as ToChild);
});
// The parent is gone. An orderly exit would wait for isolates that wait for the parent.
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'));
