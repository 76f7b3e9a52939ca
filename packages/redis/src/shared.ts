/** What both entries export, whichever client they compose. */
export {
  type LockOptions,
  type RedisAdapter,
  RedisArgumentError,
  RedisConnectionError,
  RedisCorruptDataError,
  RedisError,
  RedisLayoutError,
  RedisLockLostError,
  RedisLockTimeoutError,
  RedisOptionsError,
  RedisReplyError,
  RedisRunNotFoundError,
  RedisSerializationError,
  RedisStepConflictError,
  RedisStepNotFoundError,
  RedisVersionNotFoundError,
  RedisWrongTypeError,
} from '@pikku/redis-core'
export { RedisRunInterruptedError } from './workflow/run-interrupted-error.js'
export type { RedisWorkflowServiceOptions } from './workflow/workflow-options.js'
