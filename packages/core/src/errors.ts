/**
 * Every error that these packages throw on purpose. The message names the run,
 * the step or the key, `cause` keeps what was underneath, and no message ever
 * holds a credential.
 */
export class RedisError extends Error {
  override name = 'RedisError'
  /** A stable code for programs, so that nobody has to parse messages. */
  readonly code: string = 'REDIS_ERROR'
}

/** An option has a wrong type, is out of range, or is not known. */
export class RedisOptionsError extends RedisError {
  override name = 'RedisOptionsError'
  override readonly code = 'REDIS_OPTIONS'
}

/** An argument cannot be stored or used as a key; nothing was sent. */
export class RedisArgumentError extends RedisError {
  override name = 'RedisArgumentError'
  override readonly code = 'REDIS_ARGUMENT'
}

/** A value has no JSON form (a cycle, a BigInt, a function); nothing was sent. */
export class RedisSerializationError extends RedisError {
  override name = 'RedisSerializationError'
  override readonly code = 'REDIS_SERIALIZATION'
}

/** The value's JSON is larger than the limit that was set; nothing was sent. */
export class RedisValueTooLargeError extends RedisError {
  override name = 'RedisValueTooLargeError'
  override readonly code = 'REDIS_VALUE_TOO_LARGE'
}

/** There is no connection, it was lost, or it could not be made. */
export class RedisConnectionError extends RedisError {
  override name = 'RedisConnectionError'
  override readonly code: string = 'REDIS_CONNECTION'
}

/** The connection was closed for good: no call on it can succeed any more. */
export class RedisClosedError extends RedisConnectionError {
  override name = 'RedisClosedError'
  override readonly code = 'REDIS_CLOSED'
}

/**
 * There was no answer within the call's deadline. The call either took effect
 * before that, or never will.
 */
export class RedisTimeoutError extends RedisConnectionError {
  override name = 'RedisTimeoutError'
  override readonly code = 'REDIS_TIMEOUT'
}

/**
 * The write is on the master, but too few replicas confirmed it in time: a
 * failover could still lose it. Repeating the call asks for them again.
 */
export class RedisNotReplicatedError extends RedisError {
  override name = 'RedisNotReplicatedError'
  override readonly code = 'REDIS_NOT_REPLICATED'
}

/** The server answered with an error. */
export class RedisReplyError extends RedisError {
  override name = 'RedisReplyError'
  override readonly code: string = 'REDIS_REPLY'
  /** The first word of the reply, such as `OOM`, `READONLY` or `NOPERM`. */
  readonly replyCode: string

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.replyCode = /^[A-Z][A-Z0-9_]*/.exec(message)?.[0] ?? 'ERR'
  }
}

/** A key holds another type than this key should. */
export class RedisWrongTypeError extends RedisError {
  override name = 'RedisWrongTypeError'
  override readonly code = 'REDIS_WRONG_TYPE'
}

/** The server is at its `maxmemory` and evicts nothing: nothing was written. */
export class RedisOutOfMemoryError extends RedisReplyError {
  override name = 'RedisOutOfMemoryError'
  override readonly code = 'REDIS_OUT_OF_MEMORY'
}

/** The server is a read-only replica: nothing was written. */
export class RedisReadOnlyError extends RedisReplyError {
  override name = 'RedisReadOnlyError'
  override readonly code = 'REDIS_READ_ONLY'
}

/** Stored data is not what it should be: not JSON, or a field is missing. */
export class RedisCorruptDataError extends RedisError {
  override name = 'RedisCorruptDataError'
  override readonly code = 'REDIS_CORRUPT_DATA'
  readonly key: string
  readonly field: string

  constructor(key: string, field: string, why: string, options?: ErrorOptions) {
    super(`Key '${key}', field '${field}': ${why}`, options)
    this.key = key
    this.field = field
  }
}

/** The prefix was written with another layout than the one asked for. */
export class RedisLayoutError extends RedisError {
  override name = 'RedisLayoutError'
  override readonly code = 'REDIS_LAYOUT'
}

/**
 * The lock was held by somebody else for all the tries there were, or was
 * granted too late to be of use.
 */
export class RedisLockTimeoutError extends RedisError {
  override name = 'RedisLockTimeoutError'
  override readonly code = 'REDIS_LOCK_TIMEOUT'
  readonly key: string

  constructor(key: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.key = key
  }
}

/** The lock was lost while it was needed: nothing was written. */
export class RedisLockLostError extends RedisError {
  override name = 'RedisLockLostError'
  override readonly code = 'REDIS_LOCK_LOST'
  readonly key: string

  constructor(key: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.key = key
  }
}

/** The run does not exist: deleted, or never created. */
export class RedisRunNotFoundError extends RedisError {
  override name = 'RedisRunNotFoundError'
  override readonly code = 'REDIS_RUN_NOT_FOUND'
  readonly runId: string

  constructor(runId: string) {
    super(`Run '${runId}' does not exist`)
    this.runId = runId
  }
}

/** The step does not exist in its run. */
export class RedisStepNotFoundError extends RedisError {
  override name = 'RedisStepNotFoundError'
  override readonly code = 'REDIS_STEP_NOT_FOUND'
  readonly runId: string
  readonly stepName: string

  constructor(runId: string, stepName: string) {
    super(`Step '${stepName}' of run '${runId}' does not exist`)
    this.runId = runId
    this.stepName = stepName
  }
}

/** Somebody else was first: the step is no longer in the state asked for. */
export class RedisStepConflictError extends RedisError {
  override name = 'RedisStepConflictError'
  override readonly code = 'REDIS_STEP_CONFLICT'
  readonly runId: string
  readonly stepName: string
  /** The status that the step has now. */
  readonly status: string

  constructor(
    runId: string,
    stepName: string,
    status: string,
    attempt: string | number
  ) {
    super(
      `Step '${stepName}' of run '${runId}' cannot be retried: ` +
        `it is '${status}' (attempt ${attempt}), not 'failed'`
    )
    this.runId = runId
    this.stepName = stepName
    this.status = status
  }
}

/** The workflow version does not exist. */
export class RedisVersionNotFoundError extends RedisError {
  override name = 'RedisVersionNotFoundError'
  override readonly code = 'REDIS_VERSION_NOT_FOUND'
}

/** No live deployment has the function; nothing was called. */
export class RedisDeploymentNotFoundError extends RedisError {
  override name = 'RedisDeploymentNotFoundError'
  override readonly code = 'REDIS_DEPLOYMENT_NOT_FOUND'
  readonly funcName: string

  constructor(funcName: string) {
    super(`No deployment found for function '${funcName}'`)
    this.funcName = funcName
  }
}

/** What is known about a remote call that failed. */
export interface RemoteCallFailure {
  readonly funcName: string
  /** The deployment; `undefined` if none of several could be reached. */
  readonly deploymentId?: string | undefined
  /** The HTTP status, if there was an answer. */
  readonly status?: number | undefined
  /** Whether the function may have run: `false` if no request was sent. */
  readonly mayHaveRun: boolean
}

/**
 * A function on another deployment could not be called, or answered with
 * something else than a result. If several refused, the cause is an
 * `AggregateError` of one error for each.
 */
export class RedisRemoteCallError extends RedisError {
  override name = 'RedisRemoteCallError'
  override readonly code = 'REDIS_REMOTE_CALL'
  readonly funcName: string
  readonly deploymentId: string | undefined
  readonly status: number | undefined
  /** `false`: the function did not run, and the call can be made again. */
  readonly mayHaveRun: boolean

  constructor(failure: RemoteCallFailure, why: string, options?: ErrorOptions) {
    super(`Remote RPC call to '${failure.funcName}' failed: ${why}`, options)
    this.funcName = failure.funcName
    this.deploymentId = failure.deploymentId
    this.status = failure.status
    this.mayHaveRun = failure.mayHaveRun
  }
}

/** The channel does not exist: it was removed, or never added. */
export class RedisChannelNotFoundError extends RedisError {
  override name = 'RedisChannelNotFoundError'
  override readonly code = 'REDIS_CHANNEL_NOT_FOUND'
  readonly channelId: string

  constructor(channelId: string) {
    // As 0.12 has it, to the letter: the engine's conformance suite compares.
    super(`Channel not found: ${channelId}`)
    this.channelId = channelId
  }
}

/** The agent's thread does not exist: deleted, or never created. */
export class RedisThreadNotFoundError extends RedisError {
  override name = 'RedisThreadNotFoundError'
  override readonly code = 'REDIS_THREAD_NOT_FOUND'
  readonly threadId: string

  constructor(threadId: string) {
    super(`Thread '${threadId}' does not exist`)
    this.threadId = threadId
  }
}

/** There is a thread of that id already, and it belongs to another resource. */
export class RedisThreadExistsError extends RedisError {
  override name = 'RedisThreadExistsError'
  override readonly code = 'REDIS_THREAD_EXISTS'
  readonly threadId: string

  constructor(threadId: string) {
    super(`Thread '${threadId}' exists already, and is another resource's`)
    this.threadId = threadId
  }
}

/** The agent's run does not exist: deleted, or never created. */
export class RedisAgentRunNotFoundError extends RedisError {
  override name = 'RedisAgentRunNotFoundError'
  override readonly code = 'REDIS_AGENT_RUN_NOT_FOUND'
  readonly runId: string

  constructor(runId: string) {
    super(`Agent run '${runId}' does not exist`)
    this.runId = runId
  }
}

/** There is no secret of this name. The message is the one that Pikku has. */
export class RedisSecretNotFoundError extends RedisError {
  override name = 'RedisSecretNotFoundError'
  override readonly code = 'REDIS_SECRET_NOT_FOUND'
  readonly secretName: string

  constructor(secretName: string) {
    super('Requested secret not found')
    this.secretName = secretName
  }
}

/** A secret or a credential that is encrypted: for errors, and safe to show. */
export interface EncryptedEntry {
  readonly name: string
  /** Whose credential it is; none for a secret and for a global credential. */
  readonly userId?: string
  /** The version of the key that it is encrypted under, as it is stored. */
  readonly keyVersion: string
}

/** The service was not given a key of the version that this needs. */
export class RedisKeyMissingError extends RedisError {
  override name = 'RedisKeyMissingError'
  override readonly code = 'REDIS_KEY_MISSING'
  readonly keyVersion: number

  constructor(message: string, keyVersion: number) {
    super(message)
    this.keyVersion = keyVersion
  }
}

/** The key is a wrong one, or what is stored was tampered with. */
export class RedisDecryptionError extends RedisError {
  override name = 'RedisDecryptionError'
  override readonly code = 'REDIS_DECRYPTION'
  readonly entry: EncryptedEntry

  constructor(message: string, entry: EncryptedEntry, options?: ErrorOptions) {
    super(message, options)
    this.entry = entry
  }
}

/**
 * A rotation went through everything, and could not re-wrap all: the rest are
 * as they were, and the next rotation tries them again. The cause is the
 * error of the first.
 */
export class RedisRotationError extends RedisError {
  override name = 'RedisRotationError'
  override readonly code = 'REDIS_ROTATION'
  /** How many were re-wrapped. */
  readonly rotated: number
  /** Those that were not. */
  readonly failed: readonly EncryptedEntry[]

  constructor(
    message: string,
    rotated: number,
    failed: readonly EncryptedEntry[],
    options?: ErrorOptions
  ) {
    super(message, options)
    this.rotated = rotated
    this.failed = failed
  }
}
