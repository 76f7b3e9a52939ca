import type { QueueService } from '@pikku/core/queue'
import type {
  DeploymentServiceConfig,
  JWTService,
  SecretService,
} from '@pikku/core/services'
import { isRedisAdapter, shareAdapter } from '@pikku/redis-core'
import { IoRedisAdapter, type IoRedisConnection } from '@pikku/redis-ioredis'
import type { RedisAgentServiceOptions } from './agents/redis-agent-service.js'
import { BaseRedisAgentRunService } from './agents/base-agent-run-service.js'
import { BaseRedisAgentStorageService } from './agents/base-agent-storage-service.js'
import {
  BaseRedisChannelStore,
  type RedisChannelStoreOptions,
} from './channels/base-channel-store.js'
import {
  BaseRedisEventHubStore,
  type RedisEventHubStoreOptions,
} from './channels/base-event-hub-store.js'
import {
  type ComposedServices,
  composeServices,
  type RedisServicesOptions,
} from './compose-services.js'
import { BaseRedisDeploymentService } from './deployments/base-deployment-service.js'
import type { RedisDeploymentServiceOptions } from './deployments/deployment-options.js'
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
   * @param options Or a queue and the key prefix, or the key prefix and options.
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
   * @param options Or a queue and the key prefix, or the key prefix and options.
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

/** Channels, the open connections of clients, on Redis. */
export class RedisChannelStore extends BaseRedisChannelStore {
  /**
   * @param connection See {@link RedisWorkflowService}.
   * @param options Options, or the key prefix alone.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    connection?: IoRedisConnection,
    options?: RedisChannelStoreOptions | string
  ) {
    super(IoRedisAdapter.from(connection), options)
  }
}

/** Which channels listen to which topics, on Redis. */
export class RedisEventHubStore extends BaseRedisEventHubStore {
  /**
   * @param connection See {@link RedisWorkflowService}.
   * @param options Options, or the key prefix alone.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    connection?: IoRedisConnection,
    options?: RedisEventHubStoreOptions | string
  ) {
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
   * @param options The key, its version, and what every service takes.
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
   * @param options The key, its version, and what every service takes.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    connection: IoRedisConnection | undefined,
    options: RedisCredentialServiceOptions
  ) {
    super(IoRedisAdapter.from(connection), options)
  }
}

/** Deployments that find and call each other through Redis. */
export class RedisDeploymentService extends BaseRedisDeploymentService {
  /**
   * @param config How often the registration is renewed, and for how long it
   *   stands without that, in ms.
   * @param connection See {@link RedisWorkflowService}; an adapter is shared.
   * @param options Options, or the key prefix alone.
   * @param jwt Signs the calls to other deployments.
   * @param secrets Has the secret that they are signed with.
   * @throws RedisOptionsError that names what is wrong with an argument.
   */
  constructor(
    config?: DeploymentServiceConfig,
    connection?: IoRedisConnection,
    options?: RedisDeploymentServiceOptions | string,
    jwt?: JWTService,
    secrets?: SecretService
  ) {
    const adapter = isRedisAdapter(connection)
      ? shareAdapter(connection)
      : IoRedisAdapter.from(connection)
    super(adapter, config, options, jwt, secrets)
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
  RedisChannelStore,
  RedisEventHubStore,
  RedisSessionStore,
  RedisSecretService,
  RedisCredentialService,
  RedisDeploymentService,
  RedisAgentRunService,
  RedisAgentStorageService,
}

/** What {@link createRedisServices} gives. */
export type RedisServices<
  Options extends RedisServicesOptions = RedisServicesOptions,
> = ComposedServices<typeof CLASSES, Options>

/**
 * All services on one connection, under the names that Pikku has for them, with
 * one `init()` and one `close()`. The two that encrypt are there if the option
 * `secrets` is.
 *
 * @param connection See {@link RedisWorkflowService}.
 * @param options Options of all services, and those of each family.
 * @throws RedisOptionsError that names what is wrong with an argument.
 */
export function createRedisServices<
  const Options extends RedisServicesOptions = Record<never, never>,
>(connection?: IoRedisConnection, options?: Options): RedisServices<Options> {
  const adapter = IoRedisAdapter.from(connection)
  return composeServices(
    adapter,
    options ?? {},
    CLASSES
  ) as RedisServices<Options>
}
