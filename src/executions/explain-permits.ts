import type { Blocker } from './blocker.ts';
import type { Connection } from './connection.ts';
import type { ResourceWrites } from './resource-writes.ts';
import { listPermitWaits, type PermitWait } from './sql/list-permit-waits.ts';
import type { WhyStep } from './sql/list-why-steps.ts';

/** What a step waits for in the lines of throttles and holds. */
export async function permitBlockers(
  connection: Connection,
  writes: ResourceWrites,
  executionId: string,
  step: WhyStep,
): Promise<Blocker[]> {
  const waits = await listPermitWaits(connection, executionId, step.position);
  const subject = `step ${step.position + 1} "${step.description}"`;
  const blockers: Blocker[] = [];
  for (const wait of waits) {
    const text = wait.resource === null ? permitText(wait) : await holdText(connection, writes, wait);
    blockers.push({
      kind: wait.resource === null ? 'permit' : 'hold',
      text: `${subject} ${text}`,
      position: step.position,
      evidence: {
        key: wait.key,
        limit: wait.limit,
        held: wait.held,
        ahead: wait.ahead,
        requestedAt: wait.requestedAt.toISOString(),
        holders: wait.holders.map((holder) => holder.executionId),
      },
    });
  }
  if (blockers.length > 0) return blockers;
  const text = `${subject} may go on: its permit is there, or it is about to stand in line`;
  return [{ kind: 'permit', text, position: step.position, evidence: { key: null } }];
}

function permitText({ key, limit, held, ahead, holders }: PermitWait): string {
  const others = held > holders.length ? ` and ${held - holders.length} more` : '';
  const by = holders.map(({ executionId, executor }) => `execution ${executionId} of "${executor}"`).join(', ');
  const front = ahead === 0 ? 'it is first in line' : `${ahead} stand in front of it`;
  return `waits for a permit of "${key}": ${held} of ${limit} are held${by === '' ? '' : ` by ${by}${others}`}; ${front}`;
}

async function holdText(connection: Connection, writes: ResourceWrites, wait: PermitWait): Promise<string> {
  const { resource, ahead } = wait;
  const name = `${resource?.type} ${resource?.id}`;
  const found = resource === null ? undefined : await writes.find(connection, resource);
  const owner = found?.executionId ?? null;
  const why = owner === null ? 'it is free' : `it is "${found?.state}" and belongs to execution ${owner}`;
  const front = ahead === 0 ? '' : `; ${ahead} stand in front of it`;
  return `waits to hold ${name}: ${why}${front}`;
}
