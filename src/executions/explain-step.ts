import { formatMs } from '../core/duration.ts';
import type { JsonValue } from '../core/json.ts';
import type { Blocker } from './blocker.ts';
import type { WhyStep } from './sql/list-why-steps.ts';

/** A step that is due this soon is held up by what keeps it from running, not by the clock. */
const soonMs = 1_500;

/** What holds one step up, the nearest cause first. */
export function stepBlockers(step: WhyStep): Blocker[] {
  switch (step.state) {
    case 'running':
      return [running(step)];
    case 'ready': {
      const causes = withoutWorker(step);
      return causes.length > 0 ? causes : [queued(step)];
    }
    case 'delayed': {
      const causes = withoutWorker(step);
      const isSoon = msUntil(step.runAt, step) <= soonMs;
      return isSoon && causes.length > 0 ? causes : [delayed(step), ...causes];
    }
    case 'waiting':
      return [waiting(step)];
    case 'pending':
      return [behind(step)];
  }
}

/** What keeps every worker from the step, whenever its time comes. */
function withoutWorker(step: WhyStep): Blocker[] {
  const { queue, task, workers, knowing, pausedAt, pausedBy, pausedReason } = step;
  const evidence = { queue, task, workers, workersThatKnowTheTask: knowing };
  const causes: Blocker[] = [];
  if (pausedAt !== null) {
    const by = pausedBy === null ? '' : ` by ${pausedBy}`;
    const reason = pausedReason === null ? '' : `: ${pausedReason}`;
    const text = `is held by its queue "${queue}", which is paused since ${pausedAt.toISOString()}${by}${reason}`;
    const pause = { queue, pausedAt: pausedAt.toISOString(), pausedBy, pausedReason };
    causes.push(blocker('queue-paused', step, text, pause));
  }
  if (workers === 0) {
    const text = `has no worker: nobody who lives serves queue "${queue}"; start one with "reeve worker -Q ${queue}"`;
    causes.push(blocker('no-worker', step, text, evidence));
  } else if (knowing === 0) {
    const text = `is of task "${task}", which none of the ${workers} live workers of queue "${queue}" knows`;
    causes.push(blocker('unknown-task', step, text, evidence));
  }
  return causes;
}

function queued(step: WhyStep): Blocker {
  const { queue, workers, readyAt, published } = step;
  const sinceMs = -msUntil(readyAt, step);
  const where = published ? 'is in' : 'is on its way to';
  const text = `${where} queue "${queue}" since ${formatMs(sinceMs)}, for the next free place of its ${workers} workers`;
  return blocker('queued', step, text, { queue, workers, published, readyAt: iso(readyAt) });
}

function running(step: WhyStep): Blocker {
  const { worker, claimedAt, heartbeatAt, leaseUntil, progress } = step;
  const note = progressText(progress);
  const seen = heartbeatAt === null ? '' : `, which was seen ${formatMs(-msUntil(heartbeatAt, step))} ago`;
  const late = msUntil(leaseUntil, step) < 0 ? '; its lease is over, so it goes on elsewhere soon' : '';
  const text = `runs for ${formatMs(-msUntil(claimedAt, step))} on worker ${worker ?? '?'}${seen}${note}${late}`;
  return blocker('running', step, text, {
    worker,
    claimedAt: iso(claimedAt),
    heartbeatAt: iso(heartbeatAt),
    leaseUntil: iso(leaseUntil),
    attempt: step.attempt,
    progress,
  });
}

function delayed(step: WhyStep): Blocker {
  const { runAt, attempt, maxAttempts, error, poll } = step;
  const leftMs = msUntil(runAt, step);
  const when = leftMs > 0 ? `in ${formatMs(leftMs)}` : 'now';
  const message = error?.message ?? null;
  const evidence = { runAt: iso(runAt), attempt, maxAttempts, code: error?.code ?? null, message };
  if (poll !== null && typeof poll === 'object' && 'looks' in poll) {
    const { looks, lastSeen } = poll as { looks: number; lastSeen: JsonValue };
    const seen = `${looks} looks, last seen ${JSON.stringify(lastSeen)}${message === null ? '' : `, ${message}`}`;
    return blocker('poll', step, `looks again ${when} (${seen})`, { ...evidence, looks, lastSeen });
  }
  if (message !== null) {
    const text = `is tried again ${when}, after attempt ${attempt} of ${maxAttempts} ended with: ${message}`;
    return blocker('retry', step, text, evidence);
  }
  return blocker('delayed', step, `starts ${when}`, evidence);
}

/** The execution that a waiting step waits for, where it is a child. */
export function awaitedChild(step: WhyStep): string | undefined {
  if (step.state !== 'waiting' || step.waitingFor !== 'child') return undefined;
  return (step.poll as { readonly child?: string } | null)?.child;
}

function waiting(step: WhyStep): Blocker {
  const child = awaitedChild(step) ?? null;
  const text =
    child === null ? 'waits for a place among the members of its group' : `waits for its child, execution ${child}`;
  return blocker('waiting', step, text, { waitingFor: step.waitingFor, child });
}

function behind(step: WhyStep): Blocker {
  const numbers = step.openPredecessors.map((position) => position + 1);
  const what =
    numbers.length === 0 ? 'the steps before it' : `${numbers.length === 1 ? 'step' : 'steps'} ${numbers.join(', ')}`;
  return blocker('predecessor', step, `waits for ${what}`, { openPredecessors: [...step.openPredecessors] });
}

function blocker(kind: Blocker['kind'], step: WhyStep, text: string, evidence: Blocker['evidence']): Blocker {
  return { kind, text: `step ${step.position + 1} "${step.description}" ${text}`, position: step.position, evidence };
}

function progressText(progress: JsonValue): string {
  if (progress === null || typeof progress !== 'object' || Array.isArray(progress)) return '';
  const { percent, note } = progress as { percent?: number; note?: string };
  return `; ${percent ?? 0} % done${note === undefined || note === '' ? '' : ` (${note})`}`;
}

function msUntil(time: Date | null, { now }: WhyStep): number {
  return time === null ? 0 : time.getTime() - now.getTime();
}

function iso(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}
