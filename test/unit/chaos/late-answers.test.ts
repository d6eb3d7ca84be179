import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { claimDueSchedule } from '../../../src/executions/sql/claim-due-schedule.ts';
import { claimDueSchedules } from '../../../src/executions/sql/claim-due-schedules.ts';
import type { Connection } from '../../../src/executions/connection.ts';
import { prepared } from '../../../src/executions/prepared-statement.ts';
import { listExpiredSteps } from '../../../src/executions/sql/list-expired-steps.ts';
import { listRoom } from '../../../src/executions/sql/list-room.ts';
import { lateAnswers, slowStatements, statementText } from '../../chaos/slow-statements.ts';

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

describe('statements that are held back', () => {
  const prototype = pg.Client.prototype as unknown as { query: (text: string) => Promise<unknown> };
  const { query } = prototype;
  const sent: string[] = [];

  beforeAll(() => {
    prototype.query = (text) => {
      sent.push(text);
      return Promise.resolve({ rows: [] });
    };
    slowStatements(0.5, 3);
  });

  afterAll(() => {
    prototype.query = query;
  });

  it('keep the order of their connection, so that nothing is sent after a rollback that was asked before it', async () => {
    const client = Object.assign(Object.create(pg.Client.prototype), { connectionParameters: {} }) as pg.Client;
    const asked = Array.from({ length: 200 }, (_, n) => `SELECT ${n}`);
    await Promise.all(asked.map((text) => client.query(text)));
    expect(sent).toEqual(asked);
  });
});
