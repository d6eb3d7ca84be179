export { defineReeve, Reeve } from './reeve.ts';
export type { ExecutionDetails } from './reeve.ts';
export type { StartWorkerOptions, WorkerHandle } from './reeve-worker.ts';
export type { ProbeHandle, ProbeOptions } from './reeve-probes.ts';
export type { AnyExecutor, QueueOptions, ReeveOptions } from './reeve-options.ts';
export type { LoadedFrom } from './reeve-isolation.ts';
export type { IsolationKind } from './core/isolation.ts';
export type { IsolationOptions } from './isolation/isolation-options.ts';
export type { RetentionOptions } from './recovery/retention.ts';
export type { Execute, ExecuteIn } from './reeve-execute.ts';

export { defineSchedule } from './beat/define-schedule.ts';
export type { ScheduleDefinition, ScheduleTarget } from './beat/define-schedule.ts';
export type { ScheduleOptions } from './beat/schedule-options.ts';
export type { ComingDueTime, PastDueTime } from './beat/explain-schedule.ts';
export type { NewScheduleOptions, ScheduleChanges, ScheduleExplanation, Schedules } from './beat/schedules.ts';
export type { ScheduleView } from './beat/schedule-view.ts';
export type { BeatHandle } from './reeve-beat.ts';

export { ReeveError, isReeveError } from './core/errors.ts';
export type { ErrorCode } from './core/errors.ts';
export { errorCatalogue } from './core/error-catalogue.ts';
export type { Duration } from './core/duration.ts';
export type { Jsonable, JsonValue } from './core/json.ts';
export type { Logger } from './core/logging.ts';
export { createLogger } from './core/logging.ts';
export type { QueueName, QueueRegistry } from './core/queue-names.ts';
export { defineStates } from './core/state-machine.ts';
export type { OperationTransitions, StateMachine, Transition } from './core/state-machine.ts';

export { defineResource } from './resources/define-resource.ts';
export type { AnyResource, BackendContext, ResourceDefinition } from './resources/define-resource.ts';
export { lifecycle } from './resources/lifecycle.ts';
export { Resource } from './resources/resource.ts';
export { resourceColumns } from './resources/resource-columns.ts';

export { defineBackgroundTask, defineTask, signature } from './tasks/define-task.ts';
export type { Signature, TaskDefinition } from './tasks/define-task.ts';
export { defineListPullTask, definePullTask } from './tasks/define-pull-task.ts';
export type { ListPullResult, ObservedFields, PullResult, PullTask } from './tasks/define-pull-task.ts';
export type { TaskContext } from './tasks/task-context.ts';
export type { Hold } from './tasks/hold.ts';
export type { Plan } from './tasks/plan.ts';
export { defineThrottle } from './tasks/define-throttle.ts';
export type { ThrottleDefinition, ThrottleOptions } from './tasks/define-throttle.ts';

export {
  defineActionExecutor,
  defineCreateExecutor,
  defineDeleteExecutor,
  defineExecutor,
  defineUpdateExecutor,
} from './executors/define-executor.ts';
export { involve, rule } from './executors/other-resources.ts';
export { cleanup, defineCleanupExecutor } from './executors/define-cleanup-executor.ts';
export type { CleanupKind, CleanupOptions } from './executors/define-cleanup-executor.ts';
export type { ExecutorDefinition, StateRule } from './executors/executor-definition.ts';
export type { ExecuteOptions } from './executors/execute-options.ts';
export { chain } from './executors/task-executor.ts';
export type { Chain } from './executors/task-executor.ts';

export { backendNotFound, backendRejected, backendUnavailable } from './backends/backend-error.ts';
export { EnvironmentSecrets } from './backends/secrets.ts';
export type { SecretResolver } from './backends/secrets.ts';
export { FileSecrets } from './backends/file-secrets.ts';
export { PostgresBackend } from './backends/postgres/postgres-backend.ts';
export type { ProvisionedDatabase } from './backends/postgres/ownership.ts';

export { startEmbeddedPostgres } from './embedded/start-embedded-postgres.ts';
export type { EmbeddedPostgres, EmbeddedPostgresOptions } from './embedded/start-embedded-postgres.ts';

export type { ExecutionChange, ExecutionOutcome } from './executions/await-execution.ts';
export type { CancelAnswer } from './executions/cancel-execution.ts';
export type { QueuePause } from './executions/pause-queue.ts';
export type { RetryAnswer } from './executions/retry-execution.ts';
export type { OperationView } from './executions/sql/list-operations.ts';
export type { Blocker, BlockerKind } from './executions/blocker.ts';
export type { Explanation } from './executions/explain.ts';
export type { OperatorOptions } from './executions/operator.ts';
export type { AttemptView, ExecutionView, StepView } from './executions/read-executions.ts';
export type { Scheduled } from './executions/schedule-execution.ts';
export { ledgerEntities } from './executions/ledger-entities.ts';
export { reeveMigrations } from './executions/migrations/all-migrations.ts';
export type { SetThrottleOptions, Throttles } from './reeve-throttles.ts';
export type { ThrottleView } from './executions/sql/list-throttles.ts';
export type { MarkFilter, ResourceMark } from './executions/sql/list-marks.ts';
export type { Leak } from './executions/sql/list-leaks.ts';
export type { Violation } from './executions/invariant-check.ts';
export type { QueueStatus, ReeveStatus, WorkerStatus } from './executions/read-status.ts';

export { invokeVerb, parseCode, parseCommand } from './executors/verbs/verb-tasks.ts';
export type { CodeInput, CommandInput, InvokeInput } from './executors/verbs/verb-tasks.ts';
export type { VerbLimits } from './moo/sandbox/limits.ts';
export type { Message } from './moo/tasks/messages.ts';
export type { MooValue } from './moo/world/values.ts';
export type { VerbOptions } from './reeve-verb-options.ts';
export type { VerbWorld, WorldAnswer } from './reeve-world.ts';
