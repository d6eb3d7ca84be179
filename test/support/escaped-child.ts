/**
 * A sandbox child whose user code has escaped from its isolate: what it is told to run it runs in its own process, behind
 * the walls that a real child stands behind.
 */
import { createRequire } from 'node:module';
import process from 'node:process';
import { lockDown, type ChildOptions } from '../../src/moo/sandbox/lock-down.ts';
import { encodeMessage, MessageReader } from '../../src/moo/sandbox/wire.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as ChildOptions;
const send = (message: object): unknown => process.stdout.write(encodeMessage(message));
const reader = new MessageReader(1_000_000);
const require = createRequire(import.meta.url);
type Run = (...given: readonly unknown[]) => Promise<unknown>;
const AsyncFunction = (async () => undefined).constructor as new (...text: string[]) => Run;
/** Without walls for the control: it shows that what is tried would succeed. */
const walls = options.spare === 0 ? [] : lockDown(options.account);

send({ t: 'hello', walls });
process.stdin.on('data', (chunk: Buffer) => {
  for (const value of reader.read(chunk)) {
    const { t, frame, code } = value as { t: string; frame: number; code: string };
    if (t === 'reset') send({ t: 'ready' });
    if (t !== 'frame') continue;
    const run = new AsyncFunction('require', 'process', 'send', 'encode', code);
    run(require, process, send, encodeMessage).then(
      (result) => send({ t: 'end', frame, text: JSON.stringify(result ?? null) }),
      (error: unknown) => send({ t: 'end', frame, text: JSON.stringify(`refused: ${String(error)}`) }),
    );
  }
});
process.stdin.on('end', () => process.exit(0));
