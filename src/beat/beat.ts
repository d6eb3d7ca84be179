import type { Connection } from '../executions/connection.ts';
import { Loop } from '../core/loop.ts';
import type { Logger } from '../core/logging.ts';
import { lookAtSchedules } from '../executions/sql/look-at-schedules.ts';
import { fireBatch } from './fire-batch.ts';
import { fireDueSchedule, fireWaitingSchedule, type FireReport } from './fire-schedule.ts';
import type { Firing } from './firing.ts';
import type { Targets } from './targets.ts';

export interface BeatOptions {
  readonly connection: Connection;
  readonly firing: Firing;
  readonly targets: Targets;
  readonly logger: Logger;
  /** How many schedules are fired at once; each needs a connection of the application's pool meanwhile. */
  readonly lanes: number;
}

/** The longest pause: an edit, or a schedule that another process has made, is seen after it at the latest. */
const intervalMs = 1_000;

/** How long what is due is left to whoever holds it. */
const heldPauseMs = 20;

/** How many schedules are fired in one transaction: enough to share its cost, few enough for several beats to share. */
const batchSize = 25;

/**
 * Fires schedules when they are due, by the clock of the database. Any number may run at once: they share the due
 * schedules among them by row locks, and a beat that dies leaves nothing half done.
 */
export class Beat {
  readonly #options: BeatOptions;
  readonly #loop: Loop;
  /** When the next schedule is due, as the look before saw it; on the clock of this process that nobody sets. */
  #dueAt = Infinity;

  constructor(options: BeatOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: 'beat',
      logger: options.logger,
      intervalMs,
      round: (signal) => this.#round(signal),
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** Called when this process has changed a schedule: it may be due before the next look. */
  wake(): void {
    this.#loop.wake();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** Fires what the round before saw coming, and looks for the next: a fire that is alone costs little more than itself. */
  async #round(signal: AbortSignal): Promise<number> {
    const { connection, targets } = this.#options;
    const isDue = performance.now() >= this.#dueAt;
    const isHeld = isDue && !(await this.#fireDue(signal));
    const { dueMs, isWaiting } = await lookAtSchedules(connection, targets.known);
    this.#dueAt = dueMs === null ? Infinity : performance.now() + dueMs;
    if (isWaiting) await this.#lane(signal, fireWaitingSchedule);
    return Math.max(Math.ceil(this.#dueAt - performance.now()) + 1, isHeld ? heldPauseMs : 0);
  }

  /**
   * In batches as long as there is something simple, and alone what is not; the other lanes join after the first batch.
   * False where nothing could be done.
   */
  async #fireDue(signal: AbortSignal): Promise<boolean> {
    const first = await this.#fireBatch();
    if (first.isAll) return first.count > 0;
    const lanes =
      first.count + first.left < batchSize ? Math.min(this.#options.lanes, first.left) : this.#options.lanes;
    await this.#settled(Array.from({ length: lanes }, () => this.#dueLane(signal, first.left)));
    return true;
  }

  async #dueLane(signal: AbortSignal, leftAtFirst: number): Promise<void> {
    const { firing, targets } = this.#options;
    for (let left = leftAtFirst; !signal.aborted;) {
      for (let count = 0; count < left && !signal.aborted; count += 1) {
        const report = await fireDueSchedule(firing, targets.known);
        if (report === undefined) break;
        this.#log(report);
      }
      const batch = await this.#fireBatch();
      if (batch.isAll) return;
      left = batch.left;
    }
  }

  async #fireBatch(): Promise<{ readonly count: number; readonly left: number; readonly isAll: boolean }> {
    const { firing, targets } = this.#options;
    const { reports, left } = await fireBatch(firing, targets.known, batchSize);
    for (const report of reports) this.#log(report);
    return { count: reports.length, left, isAll: left === 0 && reports.length < batchSize };
  }

  async #lane(signal: AbortSignal, fire: typeof fireDueSchedule): Promise<void> {
    while (!signal.aborted) {
      const report = await fire(this.#options.firing, this.#options.targets.known);
      if (report === undefined) return;
      this.#log(report);
    }
  }

  /** All lanes end before the first failure is thrown: nothing of a round goes on behind the next one. */
  async #settled(lanes: readonly Promise<void>[]): Promise<void> {
    for (const result of await Promise.allSettled(lanes)) if (result.status === 'rejected') throw result.reason;
  }

  /** Quiet as long as all goes by the clock. */
  #log({ name, fires, stopped }: FireReport): void {
    const { logger } = this.#options;
    if (stopped !== undefined) {
      const fields = { event: 'schedule.stopped', schedule: name, err: stopped };
      logger.error(fields, `schedule ${name} is stopped until it is edited: ${stopped.message}`);
    }
    const missed = fires.filter(({ verdict }) => verdict === 'missed' || verdict === 'caught_up');
    if (missed.length > 0) {
      const count = `${missed.length} due ${missed.length === 1 ? 'time' : 'times'}`;
      const fields = { event: 'schedule.late', schedule: name, count: missed.length };
      logger.warn(fields, `no beat ran for ${count} of schedule ${name}; see reeve schedule explain ${name}`);
    }
    if (fires.length > 0) logger.debug({ event: 'schedule.fired', schedule: name, fires }, `schedule ${name} was due`);
  }
}
