/** Loaded before everything else in a process whose clock is wrong: by CHAOS_CLOCK_SHIFT_MS, for all of `Date`. */
const shiftMs = Number(process.env['CHAOS_CLOCK_SHIFT_MS'] ?? '0');

class ShiftedDate extends Date {
  constructor(...args: readonly [] | readonly [number]) {
    // What is given is taken as it is; only the question for now is answered wrongly.
    if (args.length === 0) super(ShiftedDate.now());
    else super(...args);
  }

  static override now(): number {
    return trueNow() + shiftMs;
  }
}

const trueNow = Date.now.bind(Date);
globalThis.Date = ShiftedDate as unknown as DateConstructor;
