import { verbErrors } from './verb-errors.ts';

/** What a code means and what its reader does next; `docs/errors.md` is made from this table. */
export const errorCatalogue = {
  CONFIGURATION_INVALID: {
    meaning: 'The configuration, a definition or an option is wrong; every problem found is listed.',
    next: 'Mend each listed problem and start again.',
  },
  MANIFEST_INVALID: {
    meaning: 'A manifest does not say what it must; the file and the line of each problem are listed.',
    next: 'Mend the listed lines; nothing was started.',
  },
  INPUT_INVALID: {
    meaning: 'An input does not fit the schema of its executor or task.',
    next: 'Correct the named fields; no row was written.',
  },
  PAYLOAD_NOT_JSON: {
    meaning: 'A value that is to be stored does not survive JSON (a Date, a function, a cycle, a reserved key …).',
    next: 'Send plain JSON: strings, finite numbers, booleans, null, arrays and plain objects.',
  },
  PAYLOAD_TOO_LARGE: {
    meaning: 'A value that is to be stored is larger than the limit.',
    next: 'Store the data elsewhere and send a reference to it, or raise `limits.payloadBytes`.',
  },
  PLAN_INVALID: {
    meaning: 'A plan cannot be stored as it is: a wrong option, an unknown field, a mapping that computes.',
    next: 'Mend the plan of the named executor.',
  },
  PLAN_NOT_PURE: {
    meaning: 'The plan was built twice from the same input and facts and came out different.',
    next: 'Use only `input` and `facts` in a plan: no clock, no random numbers, no outside state.',
  },
  EXECUTOR_UNKNOWN: {
    meaning: 'No executor of that name is registered with this Reeve.',
    next: 'Add it to `executors` in the configuration of this process.',
  },
  TASK_UNKNOWN: {
    meaning: 'No task of that name is registered with this Reeve.',
    next: 'Add it to `tasks` in the configuration; a step that waits for it stays in the ledger.',
  },
  QUEUE_UNKNOWN: {
    meaning: 'No queue of that name is configured.',
    next: 'Add it to `queues` in the configuration, or correct the name.',
  },
  RESOURCE_UNKNOWN: {
    meaning: 'The object is not of a resource type that is registered here, or it has no id yet.',
    next: 'Register the resource with `defineResource`, and save the object before executing on it.',
  },
  RESOURCE_NOT_FOUND: {
    meaning: 'The resource row does not exist.',
    next: 'Check the id; it may have been deleted.',
  },
  RESOURCE_BUSY: {
    meaning: 'The resource is in a state, or owned by an execution, that does not allow the operation.',
    next: 'Wait for the named execution to end, or look at it with `reeve executions show`.',
  },
  RESOURCE_LOST: {
    meaning: 'The resource was changed or deleted by hand while an execution owned it; nothing was overwritten.',
    next: 'Look at the row, set it right, and start the operation again.',
  },
  BUSY: {
    meaning: 'Another open transaction holds the resource or the key, and did not end within the lock timeout.',
    next: 'Try again.',
  },
  TRANSACTION_REQUIRED: {
    meaning: 'The call needs an EntityManager that is inside a transaction.',
    next: 'Call it inside `dataSource.transaction(async (manager) => …)`, or use `reeve.execute` for a transaction of its own.',
  },
  IDEMPOTENCY_CONFLICT: {
    meaning: 'The idempotency key is known, but with another executor, resource or input.',
    next: 'Use a new key for a new request, or repeat the old request unchanged.',
  },
  CHANGED_FIELDS_REQUIRED: {
    meaning: 'An update executor was called without saying which fields changed.',
    next: 'Pass `changed: [...]` in the options; an empty list is allowed.',
  },
  SCHEDULE_INVALID: {
    meaning: 'A schedule cannot be as it is described: its times, its zone, its target, its input or a policy.',
    next: 'Correct what the message names; it shows an example of what is right.',
  },
  SCHEDULE_UNKNOWN: {
    meaning: 'No schedule has that name.',
    next: 'Look at `reeve schedule list`.',
  },
  SCHEDULE_EXISTS: {
    meaning: 'A schedule of that name exists already.',
    next: 'Choose another name, or edit the one that exists.',
  },
  EXECUTION_NOT_FOUND: {
    meaning: 'No execution has that id.',
    next: 'Check the id; finished executions are pruned after the retention time.',
  },
  LEAK_NOT_FOUND: {
    meaning: 'No open leak record has that id.',
    next: 'List the open ones with `reeve leaks list`; it may be resolved already.',
  },
  EXECUTION_STATE: {
    meaning: 'The execution, or the step, is in a state that does not allow what an operator asked for.',
    next: 'Do what the message names as possible, or ask `reeve why` what the execution waits for.',
  },
  EXECUTION_CANCELED: {
    meaning: 'An operator or the application has canceled the execution.',
    next: 'Go on with it by `reeve retry`, or start the operation again.',
  },
  DEADLINE_EXCEEDED: {
    meaning: 'The execution did not end before its deadline and was canceled.',
    next: 'Ask `reeve executions show` where the time went; raise `deadline`, or `reeve retry`, which gives it as much time again.',
  },
  RESULT_TIMEOUT: {
    meaning: 'The execution did not end within the time that the caller was ready to wait; it goes on.',
    next: 'Ask again later with the same execution id.',
  },
  TASK_FAILED: {
    meaning: 'The code of a task threw.',
    next: 'Read the message and the traceback of the attempt.',
  },
  TASK_TIMED_OUT: {
    meaning: 'A task did not end within its time limit.',
    next: 'Make it faster, raise `timeLimit`, or watch `ctx.signal` in it.',
  },
  TASK_CRASHED: {
    meaning: 'The worker that ran the step died or hung, as often as is allowed.',
    next: 'Look at the log of the named workers: out of memory, a native crash, a blocked event loop.',
  },
  ISOLATION_UNAVAILABLE: {
    meaning:
      'The thread or process for an isolated step cannot be had: the app cannot be imported in it, or differs there.',
    next: 'Pass `isolation: { module: import.meta.url }` to `defineReeve`, in a module whose default export the Reeve is and that starts no worker.',
  },
  ISOLATION_REFUSED: {
    meaning: 'A transactional step was to run isolated, or isolated code was to start a worker, a beat or probes.',
    next: 'Give the step a queue or a task without `isolation`; start workers in a module of their own.',
  },
  POLL_TIMED_OUT: {
    meaning: 'What a poll waited for did not come in time.',
    next: 'Look at the outside system; raise `timeout` if it is only slow.',
  },
  POLL_FAILED: {
    meaning: 'A poll saw a value that means failure.',
    next: 'Look at the outside system.',
  },
  CHILD_FAILED: {
    meaning: 'A child execution that a step waited for has failed or was canceled.',
    next: 'Look at the child with `reeve executions show`.',
  },
  PARENT_FAILED: {
    meaning: 'The resource belongs to a child that never started, because the parent execution failed before it.',
    next: 'Mend what made the parent fail, and start the operation again.',
  },
  CLEANUP_INCOMPLETE: {
    meaning: 'A cleanup has deleted what it could; something is left, so the parent was kept.',
    next: 'Look at the failed children of the execution, mend them, and start the cleanup again.',
  },
  HOLD_CIRCLE: {
    meaning: 'Two operations wait for each other: each holds, or works on, what the other wants to hold.',
    next: 'Retry the one that gave way; or let both take their holds in one `hold`, which takes all or none.',
  },
  THROTTLE_LEVEL: {
    meaning: 'An operation would wait for a permit while it holds one of the same or a higher level.',
    next: 'Give the inner throttle a higher `level`, or name both throttles in one `throttled`.',
  },
  THROTTLE_UNKNOWN: {
    meaning: 'There is no throttle of that key.',
    next: 'List the keys with `reeve throttle list`; a key is known once somebody has asked for a permit.',
  },
  RESULT_NOT_JSON: {
    meaning: 'A task returned a value that does not survive JSON or is too large.',
    next: 'Return plain JSON from the task.',
  },
  REFERENCE_MISSING: {
    meaning: 'A step refers to a field that an earlier step did not return.',
    next: 'Return the field from the earlier step, or correct the mapping.',
  },
  EXECUTION_CORRUPT: {
    meaning: 'A ledger row cannot be understood (edited by hand, or written by another version).',
    next: 'Look at the row with `reeve executions show`.',
  },
  FINALISER_FAILED: {
    meaning: 'The last write of an execution was refused by the database.',
    next: 'Mend what the message names (a foreign key, a constraint) and start the operation again.',
  },
  BACKEND_UNAVAILABLE: {
    meaning: 'The outside system did not answer, or said that it is only busy.',
    next: 'It is tried again by the policy of the step; if it stays so, look at the outside system.',
  },
  BACKEND_REJECTED: {
    meaning: 'The outside system refused the call.',
    next: 'Read its message and correct the input.',
  },
  BACKEND_NOT_FOUND: {
    meaning: 'The object does not exist in the outside system.',
    next: 'Pull the resource, or correct its backend id.',
  },
  SECRET_UNRESOLVED: {
    meaning: 'A secretRef could not be resolved.',
    next: 'Store the secret under the named reference.',
  },
  LEDGER_NOT_MIGRATED: {
    meaning: 'The tables of Reeve are missing or older than this version needs.',
    next: 'Run `reeve migrate`.',
  },
  LEDGER_UNAVAILABLE: {
    meaning: 'PostgreSQL does not answer.',
    next: 'Check the address and the server; nothing is lost, work goes on when it is back.',
  },
  PROBES_UNAVAILABLE: {
    meaning: 'The probes cannot listen on the address that was given.',
    next: 'Give another port, or 0 for any free one; end the process that has it.',
  },
  BROKER_UNAVAILABLE: {
    meaning: 'Redis (or the broker schema in PostgreSQL) does not answer.',
    next: 'Check REDIS_URL and the server; nothing is lost, work goes on when it is back.',
  },
  EMBEDDED_POSTGRES_FAILED: {
    meaning: 'The embedded PostgreSQL could not be started.',
    next: 'Read the server output in the message; or set DATABASE_URL to a server of your own.',
  },
  ...verbErrors,
  REEVE_CLOSED: {
    meaning: 'The Reeve object was closed.',
    next: 'Create a new one.',
  },
} as const;

/** The stable code of an error. Codes are never renamed. */
export type ErrorCode = keyof typeof errorCatalogue;
