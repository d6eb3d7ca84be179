import { Socket } from 'node:net';
import process from 'node:process';
import { workerData } from 'node:worker_threads';

/**
 * The thread that ends an isolated process, and whatever it has started, when its worker is gone: the other end of the pipe
 * is the worker's alone, so it breaks however the worker dies. A thread, because the main one may be in an endless loop.
 */
const pipe = new Socket({ fd: (workerData as { readonly fd: number }).fd, readable: true, writable: false });

function endGroup(): void {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    process.kill(process.pid, 'SIGKILL');
  }
}

pipe.on('error', endGroup);
pipe.on('close', endGroup);
pipe.resume();
