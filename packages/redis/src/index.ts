import type { QueueService } from '@pikku/core/queue'
import { IoRedisAdapter, type IoRedisConnection } from '@pikku/redis-ioredis'
import type { RedisAgentServiceOptions } from './agents/agent-context.js'
import { BaseRedisAgentRunService } from './agents/base-agent-run-service.js'
import { BaseRedisAgentStorageService } from './agents/base-agent-storage-service.js'
import {
  type ComposedServices,
  composeServices,
  type RedisServicesOptions,
} from './compose-services.js'
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

/** Finds, shows and deletes agents' threads on Redis. */
export class RedisAgentRunService extends BaseRedisAgentRunService {
  /**
   * @param connection See {@link RedisWorkflowService}.
   * @param options Options, or the key prefix alone.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    connection?: IoRedisConnection,
    options?: RedisAgentServiceOptions | string
  ) {
    super(IoRedisAdapter.from(connection), options)
  }
}

/** What agents remember and do, on Redis. */
export class RedisAgentStorageService extends BaseRedisAgentStorageService {
  /**
   * @param connection See {@link RedisWorkflowService}.
   * @param options Options, or the key prefix alone.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    connection?: IoRedisConnection,
    options?: RedisAgentServiceOptions | string
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
