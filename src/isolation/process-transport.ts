import { fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { bytesPerMb, type StartTransport } from './transport.ts';

/** Pages of Linux, in which /proc counts. */
const pageBytes = 4_096;
/** What the channel still holds is read after the end of the process, but not for ever: a grandchild may hold it. */
const drainMs = 1_000;
/** A process that is about to end by itself closes its channel first; one that has only closed it is of no use. */
const farewellMs = 500;

/** What ends with this process, even where it ends without ending them. */
const kills = new Set<() => void>();
process.on('exit', () => {
  for (const kill of kills) kill();
});

/**
 * A process, with a process group of its own: a Ctrl+C in the terminal is for the worker alone, and what the code of a step
 * has started ends with it. When the worker dies, however it dies, the pipe breaks that the child's watchdog reads.
 */
export const startProcess: StartTransport = ({ entry, app, memoryLimit }, listener) => {
  const child = fork(entry, [JSON.stringify(app)], {
    detached: true,
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'ipc'],
    // A debugger's port is the worker's.
    execArgv: [
      ...process.execArgv.filter((flag) => !flag.startsWith('--inspect')),
      `--max-old-space-size=${memoryLimit}`,
    ],
  });
  const { pid } = child;
  let isOver = false;
  let how: string | undefined;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    listener.ended(how ?? 'its channel was closed');
  };
  const kill = (): void => {
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has not made its group yet, or is gone.
      child.kill('SIGKILL');
    }
  };
  kills.add(kill);
  child.on('message', (value) => {
    if (!isOver) listener.message(value);
  });
  child.on('error', (error) => {
    how ??= error.message;
    if (pid === undefined) end();
  });
  child.on('exit', (code, signal) => {
    kills.delete(kill);
    how ??= signal ?? `exit code ${code}`;
    // What it has started and left behind.
    kill();
    if (child.connected) setTimeout(end, drainMs).unref();
    else end();
  });
  child.on('disconnect', () => {
    if (how === undefined) setTimeout(kill, farewellMs).unref();
    else end();
  });
  child.stdio[3]?.on('error', () => undefined);
  child.unref();
  child.channel?.unref();
  (child.stdio[3] as { unref?(): void } | null)?.unref?.();
  return {
    kind: 'process',
    name: `process ${pid ?? '?'}`,
    send(message) {
      // A channel that is closed is seen as the end of the process.
      if (child.connected) child.send(message, () => undefined);
    },
    kill,
    async memory() {
      try {
        const [, resident] = (await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ');
        return (Number(resident) * pageBytes) / bytesPerMb;
      } catch {
        return undefined;
      }
    },
  };
};
