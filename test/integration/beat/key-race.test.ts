import { expect, it } from '@jest/globals';
import { defineBackgroundTask, type Scheduled } from '../../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';

const pull = defineBackgroundTask({ name: 'pull', key: () => 'all', run: () => null });

/** Rolls a transaction back. */
class GivenUp extends Error {}

/** What connections of this database wait for, with the statement that waits. */
async function waits(bundle: Bundle): Promise<readonly { event: string; query: string }[]> {
  return bundle.query(
    `SELECT wait_event AS event, query FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock' ORDER BY wait_event`,
  );
}

/**
 * A transaction of somebody's with the key is open; one process starts it and so waits for that transaction, another
 * one asks meanwhile.
 */
async function race(
  bundle: Bundle,
  end: () => void,
): Promise<{ readonly by: Scheduled | undefined; readonly answers: Scheduled[] }> {
  const other = bundle.another();
  let by: Scheduled | undefined;
  const asked: Promise<Scheduled>[] = [];
  try {
    await bundle.dataSource
      .transaction(async (manager) => {
        by = await bundle.reeve.in(manager).execute(pull);
        asked.push(bundle.reeve.execute(pull));
        await eventually(async () => expect(await waits(bundle)).toMatchObject([{ event: 'transactionid' }]));
        asked.push(other.execute(pull));
        await eventually(async () =>
          expect(await waits(bundle)).toMatchObject([
            { event: 'advisory', query: expect.stringContaining('look_for_key') },
            { event: 'transactionid' },
          ]),
        );
        end();
      })
      .catch((error: unknown) => {
        if (!(error instanceof GivenUp)) throw error;
      });
    return { by, answers: await Promise.all(asked) };
  } finally {
    await Promise.allSettled(asked);
    await other.close();
  }
}

describeOnBrokers('who asks for a key that somebody is just starting', (broker) => {
  it('waits within his first look, and is refused with what there is then', async () => {
    await using bundle = await makeBundle(broker, { tasks: [pull], lockTimeout: '20s' });
    const { by, answers } = await race(bundle, () => undefined);
    const refused = { executionId: by?.executionId, created: false };
    expect(answers).toEqual([refused, refused]);
  });

  it('is refused with what that process has started, where it could', async () => {
    await using bundle = await makeBundle(broker, { tasks: [pull], lockTimeout: '20s' });
    const { answers } = await race(bundle, () => {
      throw new GivenUp();
    });
    const [first] = answers;
    expect(answers).toEqual([
      { executionId: first?.executionId, created: true },
      { executionId: first?.executionId, created: false },
    ]);
  });
});
