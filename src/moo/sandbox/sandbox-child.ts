import { spawn, type ChildProcess } from 'node:child_process';
import type { VerbLimits } from './limits.ts';
import type { ChildOptions } from './lock-down.ts';
import { processUse } from './process-meter.ts';
import { longestMessage, parseFromChild, type FrameRequest, type FromChild, type ToChild } from './protocol.ts';
import type { LaunchPlan } from './walls.ts';
import { encodeMessage, MessageReader } from './wire.ts';

/** Why a child was killed, or ended by itself. */
export type EndCause = 'time' | 'cpu' | 'memory' | 'violation' | 'exit' | 'canceled' | 'retired';

/** The child is gone, and the task that ran in it with it. */
export class SandboxEnded extends Error {
  override readonly cause: EndCause;

  constructor(cause: EndCause, message: string) {
    super(message);
    this.cause = cause;
  }
}

export type FrameAnswer = Extract<FromChild, { t: 'end' | 'failed' }>;

/** What a task does with the calls of its frames; the answer is text, never an error. */
export type HostCall = (frame: number, text: string) => Promise<string>;

interface OpenTask {
  readonly host: HostCall;
  readonly frames: Map<number, { answer: PromiseWithResolvers<FrameAnswer>; calling: boolean }>;
  readonly cpuAtStart: number;
}

const busyPollMs = 50;
const idlePollMs = 500;
/** What a child without a task may use: this much, and a small share of the time, whoever else is busy on the machine. */
const idleCpuMs = 400;
const idleCpuShare = 0.02;

/**
 * One child process and its only task. Whatever it sends that the protocol does not allow is the end of it: it is user
 * code that speaks, as far as the parent knows.
 */
export class SandboxChild {
  readonly #process: ChildProcess;
  readonly #limits: VerbLimits;
  readonly #reader = new MessageReader(longestMessage);
  readonly #hello = Promise.withResolvers<readonly string[]>();
  readonly #gone = Promise.withResolvers<SandboxEnded>();
  #ended: SandboxEnded | undefined;
  #task: OpenTask | undefined;
  #ready: PromiseWithResolvers<void> | undefined;
  #lastCall = 0;
  #poll: NodeJS.Timeout | undefined;
  #idleCpu = 0;
  #idleSince = 0;
  #stderr = '';
  /** How many tasks it has begun. */
  tasks = 0;

  constructor(plan: LaunchPlan, limits: VerbLimits, spare: number) {
    this.#limits = limits;
    const options: ChildOptions = { isolateMb: limits.isolateMb, spare, account: plan.account };
    this.#process = spawn(plan.command, [...plan.args, JSON.stringify(options)], {
      cwd: '/',
      env: {},
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { stdin, stdout, stderr } = this.#process;
    stdin?.on('error', () => undefined);
    stdout?.on('data', (chunk: Buffer) => this.#receive(chunk));
    stdout?.on('error', () => undefined);
    stderr?.on('data', (chunk: Buffer) => {
      if (this.#stderr.length < 4_000) this.#stderr += chunk.toString('utf8').slice(0, 4_000);
    });
    this.#process.on('error', (error) => this.#end(new SandboxEnded('exit', error.message)));
    this.#process.on('exit', (code, signal) => {
      const how = signal ?? `code ${code}`;
      const cause = code === 70 ? 'memory' : 'exit';
      this.#end(
        new SandboxEnded(cause, `the sandbox ended with ${how}${this.#stderr === '' ? '' : `: ${this.#stderr}`}`),
      );
    });
    this.#hello.promise.catch(() => undefined);
    this.#watch(busyPollMs);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Resolves with the reason once the process is gone or doomed. */
  get gone(): Promise<SandboxEnded> {
    return this.#gone.promise;
  }

  /** Tells once, when the process is gone or doomed. */
  onGone(listener: () => void): void {
    this.#gone.promise.then(listener, listener);
  }

  get isGone(): boolean {
    return this.#ended !== undefined;
  }

  /** The walls that the child says to stand behind. @throws SandboxEnded when it does not start. */
  started(): Promise<readonly string[]> {
    return this.#hello.promise;
  }

  begin(host: HostCall): void {
    if (this.#task !== undefined) throw new Error('the sandbox child has a task already');
    this.tasks += 1;
    this.#task = { host, frames: new Map(), cpuAtStart: processUse(this.pid)?.cpuMs ?? this.#idleCpu };
    this.#watch(busyPollMs);
  }

  /** @throws SandboxEnded */
  async run(request: Omit<FrameRequest, 't'>): Promise<FrameAnswer> {
    if (this.#ended !== undefined) throw this.#ended;
    const answer = Promise.withResolvers<FrameAnswer>();
    this.#task?.frames.set(request.frame, { answer, calling: false });
    this.#send({ t: 'frame', ...request });
    return answer.promise;
  }

  /** Everything of the task is thrown away. @throws SandboxEnded when the child does not get clean. */
  async reset(): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    this.#task = undefined;
    this.#ready = Promise.withResolvers<void>();
    const { promise } = this.#ready;
    const timer = setTimeout(() => this.kill('violation', 'the sandbox did not get clean'), 2_000);
    this.#send({ t: 'reset' });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
    this.#idleCpu = processUse(this.pid)?.cpuMs ?? 0;
    this.#idleSince = performance.now();
    this.#watch(idlePollMs);
  }

  kill(cause: EndCause, message: string): void {
    this.#process.kill('SIGKILL');
    this.#end(new SandboxEnded(cause, message));
  }

  #send(message: ToChild): void {
    this.#process.stdin?.write(encodeMessage(message));
  }

  #receive(chunk: Buffer): void {
    if (this.#ended !== undefined) return;
    try {
      for (const value of this.#reader.read(chunk)) {
        const message = parseFromChild(value);
        const isRight = message !== undefined && this.#take(message);
        if (!isRight) return this.kill('violation', 'the sandbox broke its protocol');
      }
    } catch {
      this.kill('violation', 'the sandbox sent what is no message');
    }
  }

  /** Whether the message is allowed now. */
  #take(message: FromChild): boolean {
    if (message.t === 'hello') {
      if (this.tasks > 0) return false;
      this.#process.stderr?.destroy();
      this.#hello.resolve(message.walls);
      return true;
    }
    if (message.t === 'ready') {
      const ready = this.#ready;
      this.#ready = undefined;
      ready?.resolve();
      return ready !== undefined;
    }
    const task = this.#task;
    // What was under way when the task ended in the worker is of no interest, and no violation.
    if (task === undefined) {
      if (message.t === 'call') this.#lastCall = message.call;
      return this.#ready !== undefined;
    }
    const frame = task.frames.get(message.frame);
    if (frame === undefined) return false;
    if (message.t !== 'call') {
      task.frames.delete(message.frame);
      frame.answer.resolve(message);
      return true;
    }
    if (message.call !== this.#lastCall + 1 || frame.calling) return false;
    this.#lastCall = message.call;
    frame.calling = true;
    this.#answer(task, frame, message).catch(() => this.kill('violation', 'a call could not be answered'));
    return true;
  }

  async #answer(task: OpenTask, frame: { calling: boolean }, message: FromChild & { t: 'call' }): Promise<void> {
    const text = await task.host(message.frame, message.text);
    frame.calling = false;
    if (this.#task === task && this.#ended === undefined) this.#send({ t: 'reply', call: message.call, text });
  }

  #watch(everyMs: number): void {
    clearInterval(this.#poll);
    this.#poll = setInterval(() => this.#measure(), everyMs);
    this.#poll.unref();
  }

  #measure(): void {
    const use = processUse(this.pid);
    if (use === undefined || this.#ended !== undefined) return;
    if (use.rssMb > this.#limits.childMb) return this.kill('memory', `the sandbox grew to ${Math.round(use.rssMb)} MB`);
    const task = this.#task;
    if (task !== undefined) {
      if (use.cpuMs - task.cpuAtStart > this.#limits.cpuMs) this.kill('cpu', 'the sandbox used up its processor time');
      return;
    }
    const mayUse = idleCpuMs + (performance.now() - this.#idleSince) * idleCpuShare;
    if (this.tasks > 0 && use.cpuMs - this.#idleCpu > mayUse) {
      this.kill('violation', 'the sandbox worked without a task');
    }
  }

  #end(reason: SandboxEnded): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    clearInterval(this.#poll);
    this.#hello.reject(reason);
    this.#ready?.reject(reason);
    for (const frame of this.#task?.frames.values() ?? []) frame.answer.reject(reason);
    this.#gone.resolve(reason);
    this.#process.stdin?.destroy();
    this.#process.stdout?.destroy();
  }
}
