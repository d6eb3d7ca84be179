import { isUuid } from '../core/ids.ts';
import { ReeveError } from '../core/errors.ts';
import type { Reeve } from '../reeve.ts';
import { UsageError } from './exit-codes.ts';

const searched = 1_000;
const shownMatches = 10;

/**
 * The id that a user means: a whole id, or its beginning where only one of the newest 1,000 executions has it.
 *
 * @throws UsageError for what is no beginning of an id or fits several, EXECUTION_NOT_FOUND for what fits none.
 */
export async function findExecutionId(reeve: Reeve, text: string): Promise<string> {
  const wanted = text.toLowerCase();
  if (isUuid(wanted)) return wanted;
  if (!/^[0-9a-f-]{4,36}$/.test(wanted)) {
    throw new UsageError(
      `"${text}" is not the id of an execution, nor the first 4 or more characters of one`,
      'Look up the id with: reeve executions list',
    );
  }
  const executions = await reeve.executions({ limit: searched });
  const matches = executions.filter(({ id }) => id.startsWith(wanted));
  const [only] = matches;
  if (only === undefined) {
    const message = `none of the newest ${executions.length} executions has an id that begins with ${wanted}`;
    throw new ReeveError('EXECUTION_NOT_FOUND', message, { details: { executionId: wanted } });
  }
  if (matches.length === 1) return only.id;
  const list = matches.slice(0, shownMatches).map(({ id, executor, state }) => `\n  - ${id} ${executor} ${state}`);
  const more = matches.length > shownMatches ? `\n  - and ${matches.length - shownMatches} more` : '';
  throw new UsageError(
    `${matches.length} executions have an id that begins with ${wanted}:${list.join('')}${more}`,
    'Write more of the id.',
    { matches: matches.map(({ id }) => id) },
  );
}
