export {
  isRedisAdapter,
  keyOfAll,
  type RedisAdapter,
  type RedisCommand,
  type RedisReply,
  type Unsubscribe,
} from './adapter.js'
export * from './errors.js'
export {
  type IndexKeys,
  KeySchema,
  type KeySchemaOptions,
  type RunKeys,
  type StepIdParts,
} from './keys/key-schema.js'
export { DeploymentKeys } from './keys/deployment-keys.js'
export { ChannelKeys } from './keys/channel-keys.js'
export { AgentKeys } from './keys/agent-keys.js'
export { requiredName } from './keys/key-parts.js'
export { CredentialKeys } from './keys/credential-keys.js'
export { SecretKeys } from './keys/secret-keys.js'
export { SessionKeys } from './keys/session-keys.js'
export { randomToken } from './random-token.js'
export { type LockOptions, resolveLockOptions } from './lock-options.js'
export { resolveRunnerOptions } from './runner-options.js'
export { within } from './within.js'
export { wholeNumber } from './whole-number.js'
export { RedisLease } from './redis-lease.js'
export {
  type AcquireOptions,
  RedisLock,
  type RedisLockOptions,
} from './redis-lock.js'
export { shareAdapter } from './shared-adapter.js'
export { defineScript, type Script, type ScriptCall } from './script.js'
export type { Durability, RunnerOptions } from './runner-options.js'
export { type CallOptions, ScriptRunner } from './script-runner.js'
export * as channelScripts from './scripts/channels/channel-scripts.js'
export * as agentScripts from './scripts/agents/agent-scripts.js'
export * as lockScripts from './scripts/lock/lock-scripts.js'
export * as layoutScripts from './scripts/workflow/layout-scripts.js'
export type { Outcome } from './scripts/outcome.js'
export * as migrationScripts from './scripts/workflow/migration-scripts.js'
export * as runScripts from './scripts/workflow/run-scripts.js'
export * as deploymentScripts from './scripts/deployments/deployment-scripts.js'
export * as credentialScripts from './scripts/secrets/credential-scripts.js'
export * as secretScripts from './scripts/secrets/secret-scripts.js'
export * as sessionScripts from './scripts/sessions/session-scripts.js'
export * as sweepScripts from './scripts/workflow/sweep-scripts.js'
export * as transitions from './scripts/workflow/transitions.js'
export { enterCall } from './scripts/workflow/enter-call.js'
export {
  advanceCall,
  type Transition,
  type TransitionCall,
  transitionOf,
} from './scripts/workflow/transition.js'
export * as versionScripts from './scripts/workflow/version-scripts.js'
export { withoutSecrets } from './without-secrets.js'
