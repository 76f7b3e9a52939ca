/** What both entries export, whichever client they compose. */
export type { RedisServicesOptions } from './compose-services.js'
export {
  type LockOptions,
  type RedisAdapter,
  type Durability,
  RedisAgentRunNotFoundError,
  RedisArgumentError,
  RedisChannelNotFoundError,
  RedisClosedError,
  RedisConnectionError,
  RedisCorruptDataError,
  RedisDeploymentNotFoundError,
  RedisDecryptionError,
  type EncryptedEntry,
  RedisError,
  RedisKeyMissingError,
  RedisLayoutError,
  RedisLockLostError,
  RedisLockTimeoutError,
  RedisNotReplicatedError,
  RedisOptionsError,
  RedisOutOfMemoryError,
  RedisReadOnlyError,
  RedisRemoteCallError,
  type RemoteCallFailure,
  RedisReplyError,
  RedisRotationError,
  RedisRunNotFoundError,
  RedisSecretNotFoundError,
  RedisSerializationError,
  RedisStepConflictError,
  RedisStepNotFoundError,
  RedisThreadExistsError,
  RedisThreadNotFoundError,
  RedisTimeoutError,
  RedisValueTooLargeError,
  RedisVersionNotFoundError,
  RedisWrongTypeError,
} from '@pikku/redis-core'
export { RedisRunInterruptedError } from './workflow/run-interrupted-error.js'
export type { RedisWorkflowServiceOptions } from './workflow/workflow-options.js'
export type {
  ListRunsOptions,
  RunCount,
  RunPage,
} from './workflow/run-index.js'
export type {
  GraphState,
  NamedStep,
  StepInstance,
} from './workflow/history-store.js'
export type { RecoveryOptions } from './workflow/recovery-options.js'
export type { OrphanedStep } from './workflow/sweeps.js'
export type {
  MigrationOptions,
  MigrationProgress,
} from './workflow/migration.js'
export type { RedisDeploymentServiceOptions } from './deployments/deployment-options.js'
export type { RedisSessionStoreOptions } from './sessions/base-session-store.js'
export type { RedisChannelStoreOptions } from './channels/base-channel-store.js'
export type { RedisEventHubStoreOptions } from './channels/base-event-hub-store.js'
export type { ServiceLogger } from './common/service-logger.js'
export type { RedisCredentialServiceOptions } from './secrets/base-credential-service.js'
export type { RedisSecretServiceOptions } from './secrets/base-secret-service.js'
export type { SecretMigrationProgress } from './secrets/secret-migration.js'
// As 0.12 exports them.
export type { WorkflowRunService } from '@pikku/core/workflow'
export type { AgentRunRow, AgentRunService } from '@pikku/core/agent'
export type { RedisAgentServiceOptions } from './agents/redis-agent-service.js'
export type { MemoryScope } from './agents/memory-store.js'
export type { GetMessagesOptions } from './agents/message-store.js'
export type { NewAgentRun } from './agents/run-store.js'
export type { AgentRunScore, NewScore } from './agents/score-store.js'
export type { ListThreadsOptions } from './agents/thread-index.js'
export type { NewThread } from './agents/thread-store.js'
