import { Socket } from 'node:net';
import { workerData } from 'node:worker_threads';
import { endGroup } from './end-group.ts';

/**
 * The thread that ends an isolated process, and whatever it has started, when its worker is gone: the other end of the pipe
 * is the worker's alone, so it breaks however the worker dies. A thread, because the main one may be in an endless loop.
 */
const pipe = new Socket({ fd: (workerData as { readonly fd: number }).fd, readable: true, writable: false });

pipe.on('error', endGroup);
pipe.on('close', endGroup);
pipe.resume();
