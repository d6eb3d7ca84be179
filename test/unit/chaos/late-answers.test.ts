import { describe, expect, it } from '@jest/globals';
import { claimDueSchedule } from '../../../src/executions/sql/claim-due-schedule.ts';
import { claimDueSchedules } from '../../../src/executions/sql/claim-due-schedules.ts';
import type { Connection } from '../../../src/executions/connection.ts';
import { prepared } from '../../../src/executions/prepared-statement.ts';
import { listExpiredSteps } from '../../../src/executions/sql/list-expired-steps.ts';
import { listRoom } from '../../../src/executions/sql/list-room.ts';
import { lateAnswers, statementText } from '../../chaos/slow-statements.ts';

/** The statements that something asks, as they are handed to the driver, without a database. */
async function statementsOf(ask: (connection: Connection) => Promise<unknown>): Promise<string[]> {
  const texts: string[] = [];
  await ask({
    schema: 'reeve',
    query: (text, params = []) => {
      texts.push(statementText(prepared(text, params)) ?? '');
      return Promise.resolve({ rows: [], count: 0 });
    },
  });
  return texts;
}

const nobody = { schedules: [], tasks: [], executors: [] };

describe('answers that come late in the chaos suite', () => {
  it.each<readonly [string, (connection: Connection) => Promise<unknown>]>([
    ['the list of expired claims', (connection) => listExpiredSteps(connection, 1)],
    ['the room of a throttle', (connection) => listRoom(connection, [])],
    ['the schedules that are due', (connection) => claimDueSchedules(connection, nobody, 1)],
    ['the schedule that is due', (connection) => claimDueSchedule(connection, nobody)],
  ])('are found by their statements: %s', async (_title, ask) => {
    const texts = await statementsOf(ask);
    expect(texts.filter((text) => lateAnswers.some(({ statement }) => statement.test(text)))).toHaveLength(1);
  });
});
