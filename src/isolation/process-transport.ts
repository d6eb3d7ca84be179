import { fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { StartTransport } from './transport.ts';

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
  if (pid !== undefined) kills.add(kill);
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
    if (how !== undefined) return end();
    const late = setTimeout(() => {
      // Once it has ended its number may be somebody else's.
      if (how === undefined) kill();
    }, farewellMs);
    late.unref();
  });
  // Where no descriptor is left for it there are no pipes at all.
  const life = (child.stdio as typeof child.stdio | undefined)?.[3] as
    (Readable & { unref?(): void }) | null | undefined;
  life?.on('error', () => undefined);
  life?.unref?.();
  child.unref();
  child.channel?.unref();
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
        const status = await readFile(`/proc/${pid}/status`, 'utf8');
        const kilobytes = /^VmRSS:\s+(?<kilobytes>\d+) kB/m.exec(status)?.groups?.['kilobytes'];
        return kilobytes === undefined ? undefined : Number(kilobytes) / 1_024;
      } catch {
        return undefined;
      }
    },
  };
};
