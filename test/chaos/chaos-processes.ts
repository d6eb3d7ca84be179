import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ways } from './chaos-servers.ts';
import type { Sabotage } from './sabotages.ts';

export type Role = 'worker' | 'beat' | 'producer';

export interface ProcessSettings {
  readonly role: Role;
  readonly index: number;
  readonly seed: number;
  readonly ways: Ways;
  /** How wrong its clock is. */
  readonly clockShiftMs: number;
  /** Whether it runs verbs as well; a sandbox is a process more. */
  readonly hasSandbox: boolean;
  readonly sabotage: Sabotage | undefined;
  /** Told when a process ends although nobody has killed it. */
  readonly onDeath: (what: string) => void;
}

const entry = new URL('./chaos-process.ts', import.meta.url).pathname;
const hook = new URL('./sabotage-hook.ts', import.meta.url).href;
const clockShift = new URL('./clock-shift.ts', import.meta.url).href;
/** Room for the application, and little more: a child that runs out of memory does so soon. */
const heapMb = 256;

/** A place in the run that one process after another fills: the next one starts when the one before was killed. */
export class ChaosProcess implements AsyncDisposable {
  readonly role: Role;
  readonly name: string;
  readonly ways: Ways;
  readonly #settings: ProcessSettings;
  #process: ChildProcess | undefined;
  #ended = Promise.resolve();
  #isWanted = false;
  /** Settles when the newest process of this place is up, or gone. */
  ready: Promise<unknown> = Promise.resolve();
  starts = 0;
  outOfMemory = 0;

  constructor(settings: ProcessSettings) {
    this.role = settings.role;
    this.name = `${settings.role} ${settings.index}`;
    this.ways = settings.ways;
    this.#settings = settings;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  start(): void {
    const { sabotage, clockShiftMs, seed, hasSandbox } = this.#settings;
    this.starts += 1;
    this.#isWanted = true;
    const loadedFirst = [...(clockShiftMs === 0 ? [] : [clockShift]), ...(sabotage === undefined ? [] : [hook])];
    const flags = [
      '--disable-warning=ExperimentalWarning',
      `--max-old-space-size=${heapMb}`,
      ...loadedFirst.flatMap((file) => ['--import', file]),
    ];
    const child = spawn(process.execPath, [...flags, entry, this.role], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        CHAOS_PLACE: JSON.stringify(this.ways.place),
        CHAOS_SEED: String(seed + this.starts),
        CHAOS_CLOCK_SHIFT_MS: String(clockShiftMs),
        CHAOS_SANDBOX: hasSandbox ? 'on' : 'off',
        NODE_COMPILE_CACHE: join(tmpdir(), 'reeve-chaos-compile-cache'),
        ...(sabotage === undefined ? {} : { CHAOS_SABOTAGE: sabotage.name }),
      },
    });
    let last = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        last = `${last}${chunk.toString()}`.slice(-3_000);
      });
    }
    child.stdin.on('error', () => undefined);
    this.ready = Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    this.#process = child;
    // Also when the run itself is ended: a frozen process would stay for ever.
    const killWithUs = (): boolean => child.kill('SIGKILL');
    process.once('exit', killWithUs);
    child.once('exit', () => process.off('exit', killWithUs));
    this.#ended = once(child, 'exit').then(([code, signal]) => {
      if (this.#process === child && this.#isWanted) this.#endedByItself(String(signal ?? code), last);
    });
  }

  async kill(): Promise<void> {
    this.#isWanted = false;
    this.#process?.kill('SIGKILL');
    await this.#ended;
  }

  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** A producer ends after the request that it is at, and is killed when that takes too long. */
  async stopProducing(): Promise<void> {
    this.#isWanted = false;
    this.#process?.stdin?.write('stop\n');
    const late = setTimeout(() => this.#process?.kill('SIGKILL'), 15_000);
    await this.#ended;
    clearTimeout(late);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.ways[Symbol.asyncDispose]();
  }

  /** Without memory it may end: that is a fault of the run, and its supervisor starts it again. */
  #endedByItself(how: string, last: string): void {
    if (last.includes('heap out of memory')) {
      this.outOfMemory += 1;
      this.start();
    } else {
      this.#settings.onDeath(`${this.name} ended by itself (${how}): ${last.trim()}`);
    }
  }
}
