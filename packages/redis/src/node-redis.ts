import type { QueueService } from '@pikku/core/queue'
import {
  NodeRedisAdapter,
  type NodeRedisConnection,
} from '@pikku/redis-node-redis'
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
export type { NodeRedisConnection as RedisConnection } from '@pikku/redis-node-redis'

/** Pikku's workflow service on Redis, through node-redis. */
export class RedisWorkflowService extends BaseRedisWorkflowService {
  /**
   * @param connection A client (shared, never closed here), a client of a
   *   cluster, a connection string, options of the client, an adapter, or
   *   nothing for localhost:6379.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    connection?: NodeRedisConnection,
    options?: RedisWorkflowServiceOptions
  )
  constructor(
    connection: NodeRedisConnection,
    queue: QueueService | undefined,
    keyPrefix?: string
  )
  constructor(
    connection: NodeRedisConnection,
    keyPrefix: string | undefined,
    options?: RedisWorkflowServiceOptions
  )
  constructor(
    connection?: NodeRedisConnection,
    second?: unknown,
    third?: unknown
  ) {
    const options = resolveWorkflowOptions(second, third)
    super(NodeRedisAdapter.from(connection), options)
  }
}

/** Finds, shows and deletes workflow runs on Redis, through node-redis. */
export class RedisWorkflowRunService extends BaseRedisWorkflowRunService {
  /**
   * @param connection A client (shared, never closed here), a client of a
   *   cluster, a connection string, options of the client, an adapter, or
   *   nothing for localhost:6379.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    connection?: NodeRedisConnection,
    options?: RedisWorkflowServiceOptions
  )
  constructor(
    connection: NodeRedisConnection,
    keyPrefix: string | undefined,
    options?: RedisWorkflowServiceOptions
  )
  constructor(
    connection?: NodeRedisConnection,
    second?: unknown,
    third?: unknown
  ) {
    const options = resolveWorkflowOptions(second, third)
    super(NodeRedisAdapter.from(connection), options)
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
    connection?: NodeRedisConnection,
    options?: RedisSessionStoreOptions | string,
    ttlSeconds?: number
  ) {
    super(NodeRedisAdapter.from(connection), options, ttlSeconds)
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
    connection?: NodeRedisConnection,
    options?: RedisAgentServiceOptions | string
  ) {
    super(NodeRedisAdapter.from(connection), options)
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
    connection?: NodeRedisConnection,
    options?: RedisAgentServiceOptions | string
  ) {
    super(NodeRedisAdapter.from(connection), options)
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
  connection?: NodeRedisConnection,
  options: RedisServicesOptions = {}
): RedisServices {
  return composeServices(NodeRedisAdapter.from(connection), options, CLASSES)
}
