import type { QueueService } from '@pikku/core/queue'
import { IoRedisAdapter, type IoRedisConnection } from '@pikku/redis-ioredis'
import {
  type ComposedServices,
  composeServices,
  type RedisServicesOptions,
} from './compose-services.js'
import {
  BaseRedisCredentialService,
  type RedisCredentialServiceOptions,
} from './secrets/base-credential-service.js'
import {
  BaseRedisSecretService,
  type RedisSecretServiceOptions,
} from './secrets/base-secret-service.js'
import {
  BaseRedisSessionStore,
  type RedisSessionStoreOptions,
  type Session,
} from './sessions/base-session-store.js'
import { BaseRedisWorkflowRunService } from './workflow/base-workflow-run-service.js'
import { BaseRedisWorkflowService } from './workflow/base-workflow-service.js'
import {
  type RedisWorkflowServiceOptions,
  resolveWorkflowOptions,
} from './workflow/workflow-options.js'

export * from './shared.js'
export type { IoRedisConnection as RedisConnection } from '@pikku/redis-ioredis'

/** Pikku's workflow service on Redis, through ioredis. */
export class RedisWorkflowService extends BaseRedisWorkflowService {
  /**
   * @param connection A client (shared, never closed here), a client of a
   *   cluster, a connection string, options of the client, an adapter, or
   *   nothing for localhost:6379.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    connection?: IoRedisConnection,
    options?: RedisWorkflowServiceOptions
  )
  constructor(
    connection: IoRedisConnection,
    queue: QueueService | undefined,
    keyPrefix?: string
  )
  constructor(
    connection: IoRedisConnection,
    keyPrefix: string | undefined,
    options?: RedisWorkflowServiceOptions
  )
  constructor(
    connection?: IoRedisConnection,
    second?: unknown,
    third?: unknown
  ) {
    const options = resolveWorkflowOptions(second, third)
    super(IoRedisAdapter.from(connection), options)
  }
}

/** Finds, shows and deletes workflow runs on Redis, through ioredis. */
export class RedisWorkflowRunService extends BaseRedisWorkflowRunService {
  /**
   * @param connection A client (shared, never closed here), a client of a
   *   cluster, a connection string, options of the client, an adapter, or
   *   nothing for localhost:6379.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    connection?: IoRedisConnection,
    options?: RedisWorkflowServiceOptions
  )
  constructor(
    connection: IoRedisConnection,
    keyPrefix: string | undefined,
    options?: RedisWorkflowServiceOptions
  )
  constructor(
    connection?: IoRedisConnection,
    second?: unknown,
    third?: unknown
  ) {
    const options = resolveWorkflowOptions(second, third)
    super(IoRedisAdapter.from(connection), options)
  }
}

/** Users' sessions on Redis. */
export class RedisSessionStore<
  UserSession extends Session = Session,
> extends BaseRedisSessionStore<UserSession> {
  /**
   * @param connection See {@link RedisWorkflowService}.
   * @param options Options, or the key prefix alone.
   * @param ttlSeconds After the key prefix: for how long a session lives, in s.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    connection?: IoRedisConnection,
    options?: RedisSessionStoreOptions | string,
    ttlSeconds?: number
  ) {
    super(IoRedisAdapter.from(connection), options, ttlSeconds)
  }
}

/** Secrets, encrypted, on Redis. */
export class RedisSecretService extends BaseRedisSecretService {
  /**
   * @param connection See {@link RedisWorkflowService}.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    connection: IoRedisConnection | undefined,
    options: RedisSecretServiceOptions
  ) {
    super(IoRedisAdapter.from(connection), options)
  }
}

/** Credentials of users and of the platform, encrypted, on Redis. */
export class RedisCredentialService extends BaseRedisCredentialService {
  /**
   * @param connection See {@link RedisWorkflowService}.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    connection: IoRedisConnection | undefined,
    options: RedisCredentialServiceOptions
  ) {
    super(IoRedisAdapter.from(connection), options)
  }
}

const CLASSES = {
  RedisWorkflowService,
  RedisWorkflowRunService,
  RedisSessionStore,
}

/** What {@link createRedisServices} gives. */
export type RedisServices = ComposedServices<typeof CLASSES>

/**
 * All services on one connection, under the names that Pikku has for them, with
 * one `init()` and one `close()`.
 *
 * @param connection See {@link RedisWorkflowService}.
 * @throws RedisOptionsError that names what is wrong with an argument.
 */
export function createRedisServices(
  connection?: IoRedisConnection,
  options: RedisServicesOptions = {}
): RedisServices {
  return composeServices(IoRedisAdapter.from(connection), options, CLASSES)
}
