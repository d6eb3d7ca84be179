import type { Processor, Worker } from 'bullmq';
import { createLogger } from '../../src/core/logging.ts';
import { Broker, type NewJob } from '../../src/queues/broker.ts';
import { JobWorker } from '../../src/queues/job-worker.ts';
import { actorContext, type Actor } from './actor.ts';
import type { TestRandom } from '../support/random.ts';
import type { Possibility, Turns } from './turns.ts';
import type { VirtualTime } from './virtual-time.ts';

interface Job {
  readonly id: string;
  readonly data: unknown;
  /** When it can be taken: now, after a delay on its way, or, once it was taken, when its lock is over. */
  freeAt: number;
  takenBy: Consumer | undefined;
}

interface Consumer {
  readonly actor: Actor;
  readonly queue: string;
  readonly concurrency: number;
  readonly process: (job: { data: unknown }) => Promise<unknown>;
  readonly running: Set<Promise<void>>;
  isOpen: boolean;
}

interface BrokerFaults {
  readonly drop: number;
  readonly duplicate: number;
  readonly delay: number;
}

/** The jobs of all queues in memory. It loses, doubles, delays and reorders them as the seed says. */
export class MemoryBroker {
  readonly #time: VirtualTime;
  readonly #random: TestRandom;
  readonly #lockMs: number;
  readonly #queues = new Map<string, Map<string, Job>>();
  #consumers: Consumer[] = [];
  faults: BrokerFaults = { drop: 0, duplicate: 0, delay: 0 };

  constructor(time: VirtualTime, random: TestRandom, lockMs: number) {
    this.#time = time;
    this.#random = random;
    this.#lockMs = lockMs;
  }

  /** Everything is gone, as after FLUSHALL. */
  wipe(): void {
    this.#queues.clear();
  }

  add(queue: string, jobs: readonly NewJob[]): void {
    const held = this.#queues.get(queue) ?? new Map<string, Job>();
    this.#queues.set(queue, held);
    for (const { opts, data } of jobs) {
      if (held.has(opts.jobId)) continue;
      if (this.#random.next() < this.faults.drop) continue;
      const lateMs = this.#random.next() < this.faults.delay ? this.#random.int(100, 3_000) : 0;
      held.set(opts.jobId, { id: opts.jobId, data, freeAt: this.#time.now + lateMs, takenBy: undefined });
    }
  }

  place(queue: string, id: string): 'missing' | 'waiting' | 'taken' {
    const job = this.#queues.get(queue)?.get(id);
    if (job === undefined) return 'missing';
    return job.takenBy === undefined ? 'waiting' : 'taken';
  }

  count(queue: string): number {
    return this.#queues.get(queue)?.size ?? 0;
  }

  serve(consumer: Consumer): void {
    this.#consumers.push(consumer);
  }

  /** When a job that nobody may take now can be taken. */
  nextAt(): number | undefined {
    const times = [...this.#queues].flatMap(([queue, jobs]) =>
      this.#consumers.some((one) => one.queue === queue && one.actor.isAlive && one.isOpen)
        ? [...jobs.values()].map(({ freeAt }) => freeAt)
        : [],
    );
    const later = times.filter((at) => at > this.#time.now);
    return later.length === 0 ? undefined : Math.min(...later);
  }

  /** The deliveries that could be made now, one for each consumer with room. */
  deliveries(name: (data: unknown) => string): Possibility[] {
    this.#consumers = this.#consumers.filter(({ actor }) => actor.isAlive);
    return this.#consumers.flatMap((consumer) => {
      const { actor, queue, concurrency, running, isOpen } = consumer;
      if (!isOpen || running.size >= concurrency || this.#time.isHeld(actor)) return [];
      const free = [...(this.#queues.get(queue)?.values() ?? [])].filter(({ freeAt }) => freeAt <= this.#time.now);
      const [oldest] = free;
      if (oldest === undefined) return [];
      const job = this.#random.next() < 0.7 ? oldest : this.#random.pick(free);
      return [{ actor, what: `delivery ${name(job.data)}`, go: () => this.#deliver(consumer, job) }];
    });
  }

  #deliver(consumer: Consumer, job: Job): void {
    const jobs = this.#queues.get(consumer.queue);
    // It comes a second time, to whoever: the lock of this one is lost at once.
    const isDoubled = this.#random.next() < this.faults.duplicate;
    job.takenBy = isDoubled ? undefined : consumer;
    job.freeAt = isDoubled ? this.#time.now : this.#time.now + this.#lockMs;
    const over = (): void => {
      if (job.takenBy === consumer && jobs?.get(job.id) === job) jobs.delete(job.id);
      consumer.running.delete(work);
    };
    // What its processor throws fails the job, and it is gone as well.
    const work = consumer.process({ data: job.data }).then(over, over);
    consumer.running.add(work);
    // A worker that lives renews its lock.
    const renew = setInterval(() => {
      if (!consumer.running.has(work)) clearInterval(renew);
      else if (job.takenBy === consumer) job.freeAt = this.#time.now + this.#lockMs;
    }, this.#lockMs / 2);
  }
}

/** The broker as one simulated process sees it: each command waits for its turn, and may be refused or answered late. */
export class SimulatedBroker extends Broker {
  readonly #broker: MemoryBroker;
  readonly #turns: Turns;

  constructor(broker: MemoryBroker, turns: Turns) {
    const logger = createLogger('silent');
    super({ redisUrl: undefined, postgres: {}, brokerSchema: 'none', engineId: 'none', leaseMs: 1, logger });
    this.#broker = broker;
    this.#turns = turns;
  }

  override async addJobs(queue: string, jobs: readonly NewJob[]): Promise<void> {
    await this.#ask(`add ${jobs.length} to ${queue}`, () => this.#broker.add(queue, jobs));
  }

  override async jobPlace(queue: string, id: string): Promise<'missing' | 'waiting' | 'taken'> {
    return this.#ask(`where in ${queue}`, () => this.#broker.place(queue, id));
  }

  override async jobCounts(queue: string): Promise<Record<string, number>> {
    return this.#ask(`count ${queue}`, () => ({ waiting: this.#broker.count(queue) }));
  }

  override worker(name: string, processor: Processor, options: { concurrency: number }): JobWorker {
    const actor = actorContext.getStore()?.actor;
    if (actor === undefined) throw new Error('a worker was made outside of every simulated process');
    const consumer: Consumer = {
      actor,
      queue: name,
      concurrency: options.concurrency,
      process: processor as Consumer['process'],
      running: new Set(),
      isOpen: true,
    };
    const worker = {
      waitUntilReady: () => Promise.resolve(),
      run: () => Promise.resolve(this.#broker.serve(consumer)),
      pause: () => Promise.resolve((consumer.isOpen = false)),
      async close(force: boolean): Promise<void> {
        consumer.isOpen = false;
        if (!force) await Promise.all(consumer.running);
      },
    };
    return new JobWorker(() => worker as unknown as Worker, createLogger('silent'));
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  async #ask<T>(what: string, answer: () => T): Promise<T> {
    return this.#turns.enter('broker', what, (_turn, note) => {
      const given = answer();
      if (typeof given === 'string') note(`→ ${given}`);
      return Promise.resolve(given);
    });
  }
}
