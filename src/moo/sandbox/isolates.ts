import ivm from 'isolated-vm';
import { prelude } from './prelude.ts';
import type { FrameFailure, FrameRequest } from './protocol.ts';

/** A context that is ready to begin a frame. */
interface Prepared {
  readonly isolate: ivm.Isolate;
  readonly context: ivm.Context;
  readonly begin: ivm.Reference;
}

export type FrameEnd = { readonly text: string } | { readonly failure: FrameFailure; readonly message: string };

/**
 * The isolates of one child: some made ahead of time, the others in use by the one task that runs. A frame gets a fresh
 * context; an isolate is used again only for the same owner within the same task, and only while no frame is open in it.
 */
export class Isolates {
  readonly #memoryMb: number;
  readonly #spare: number;
  #warm: Prepared[] = [];
  /** The compiled prelude, which every context begins with. */
  #compiled: ivm.ExternalCopy<ArrayBuffer> | undefined;
  readonly #idle = new Map<string, ivm.Isolate[]>();
  readonly #used = new Set<ivm.Isolate>();

  constructor(options: { readonly memoryMb: number; readonly spare: number }) {
    this.#memoryMb = options.memoryMb;
    this.#spare = options.spare;
  }

  /** Makes isolates until there are as many as are kept ready. */
  warm(): void {
    while (this.#warm.length < this.#spare) this.#warm.push(this.#prepare(this.#newIsolate()));
  }

  async run(request: FrameRequest, host: (text: string) => Promise<string>): Promise<FrameEnd> {
    const prepared = this.#take(request.owner);
    const { isolate } = prepared;
    try {
      const end = await runIn(prepared, request, host);
      const isReusable = !isolate.isDisposed && 'text' in end;
      if (isReusable) this.#idle.set(request.owner, [...(this.#idle.get(request.owner) ?? []), isolate]);
      return end;
    } catch (error) {
      return failureOf(isolate, error);
    }
  }

  /** Nothing of the task is left: its isolates are disposed of, those that were never used stay. */
  reset(): void {
    for (const isolate of this.#used) if (!isolate.isDisposed) isolate.dispose();
    this.#used.clear();
    this.#idle.clear();
  }

  #take(owner: string): Prepared {
    const idle = this.#idle.get(owner)?.pop();
    if (idle !== undefined && !idle.isDisposed) return this.#prepare(idle);
    const prepared = this.#warm.pop() ?? this.#prepare(this.#newIsolate());
    this.#used.add(prepared.isolate);
    return prepared;
  }

  #newIsolate(): ivm.Isolate {
    return new ivm.Isolate({
      memoryLimit: this.#memoryMb,
      // The heap is in no state to go on with; the parent sees the end of the process and takes another one.
      onCatastrophicError: () => process.exit(70),
    });
  }

  #prepare(isolate: ivm.Isolate): Prepared {
    const context = isolate.createContextSync();
    const filename = 'reeve:prelude';
    const script: ivm.Script & ivm.CachedDataResult =
      this.#compiled === undefined
        ? isolate.compileScriptSync(prelude, { filename, produceCachedData: true })
        : isolate.compileScriptSync(prelude, { filename, cachedData: this.#compiled });
    this.#compiled ??= script.cachedData;
    return { isolate, context, begin: script.runSync(context, { reference: true }) };
  }
}

async function runIn(
  { isolate, context, begin }: Prepared,
  request: FrameRequest,
  host: (text: string) => Promise<string>,
): Promise<FrameEnd> {
  const body = bodyOf(isolate, context, request);
  if (typeof body === 'string') return { failure: 'syntax', message: body };
  const way = new ivm.Reference(host);
  const run = begin.applySync(undefined, [request.input, way], { result: { reference: true } });
  const text: unknown = await run.apply(undefined, [body.derefInto()], {
    timeout: Math.max(1, Math.ceil(request.timeoutMs)),
  });
  way.release();
  return { text: String(text) };
}

/** The code as a function of its context, of which nothing runs yet; a text is why it is none. */
function bodyOf(isolate: ivm.Isolate, context: ivm.Context, request: FrameRequest): ivm.Reference | string {
  try {
    const script = isolate.compileScriptSync(`(function () { "use strict";${request.code}\n})`, {
      filename: request.file,
    });
    return script.runSync(context, { reference: true });
  } catch (error) {
    if (isolate.isDisposed) throw error;
    return messageOf(error);
  }
}

function failureOf(isolate: ivm.Isolate, error: unknown): FrameEnd {
  const message = messageOf(error);
  if (/timed out/i.test(message)) return { failure: 'timeout', message };
  if (isolate.isDisposed || /memory|allocation|heap/i.test(message)) return { failure: 'memory', message };
  return { failure: 'broken', message };
}

function messageOf(error: unknown): string {
  return Error.isError(error) ? error.message.slice(0, 500) : 'unknown';
}
