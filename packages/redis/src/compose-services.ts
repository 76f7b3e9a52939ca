import {
  type Durability,
  type RedisAdapter,
  shareAdapter,
} from '@pikku/redis-core'
import type {
  BaseRedisChannelStore,
  RedisChannelStoreOptions,
} from './channels/base-channel-store.js'
import type {
  BaseRedisEventHubStore,
  RedisEventHubStoreOptions,
} from './channels/base-event-hub-store.js'
import { refuseUnknown } from './common/service-options.js'
import type {
  BaseRedisSessionStore,
  RedisSessionStoreOptions,
} from './sessions/base-session-store.js'
import type { BaseRedisWorkflowRunService } from './workflow/base-workflow-run-service.js'
import type { BaseRedisWorkflowService } from './workflow/base-workflow-service.js'
import type { RedisWorkflowServiceOptions } from './workflow/workflow-options.js'

/** Options of each family, and what all of them have in common. */
export interface RedisServicesOptions {
  /** See the services' own option, which goes before this one. */
  callTimeoutMs?: number
  /** See the services' own option, which goes before this one. */
  durability?: Durability
  /** See the services' own option, which goes before this one. */
  maxValueBytes?: number
  workflows?: RedisWorkflowServiceOptions
  sessions?: RedisSessionStoreOptions
  /** Of the channel store and, but for its lease, of the event hub store. */
  channels?: RedisChannelStoreOptions
}

const KNOWN: Record<keyof RedisServicesOptions, true> = {
  callTimeoutMs: true,
  durability: true,
  maxValueBytes: true,
  workflows: true,
  sessions: true,
  channels: true,
}

type Constructor<Options, Service> = new (
  adapter: RedisAdapter,
  options?: Options
) => Service

/** The classes of an entry. */
interface ServiceClasses {
  RedisWorkflowService: Constructor<
    RedisWorkflowServiceOptions,
    BaseRedisWorkflowService
  >
  RedisWorkflowRunService: Constructor<
    RedisWorkflowServiceOptions,
    BaseRedisWorkflowRunService
  >
  RedisSessionStore: Constructor<
    RedisSessionStoreOptions,
    BaseRedisSessionStore
  >
  RedisChannelStore: Constructor<
    RedisChannelStoreOptions,
    BaseRedisChannelStore
  >
  RedisEventHubStore: Constructor<
    RedisEventHubStoreOptions,
    BaseRedisEventHubStore
  >
}

/** Services on one connection, under the names that Pikku has for them. */
export interface ComposedServices<Classes extends ServiceClasses> {
  /** The connection that they share. */
  readonly adapter: RedisAdapter
  readonly workflowService: InstanceType<Classes['RedisWorkflowService']>
  readonly workflowRunService: InstanceType<Classes['RedisWorkflowRunService']>
  readonly sessionStore: InstanceType<Classes['RedisSessionStore']>
  readonly channelStore: InstanceType<Classes['RedisChannelStore']>
  readonly eventHubStore: InstanceType<Classes['RedisEventHubStore']>
  /** Connects, and makes every service ready. Can be called again. */
  readonly init: () => Promise<void>
  /**
   * Closes every service, then the connection if it was made here. It tries
   * all of them, and throws the first error.
   */
  readonly close: () => Promise<void>
}

/**
 * All services of an entry on one adapter.
 *
 * @throws RedisOptionsError that names the option.
 */
export function composeServices<Classes extends ServiceClasses>(
  adapter: RedisAdapter,
  { workflows, sessions, channels, ...common }: RedisServicesOptions,
  classes: Classes
): ComposedServices<Classes> {
  refuseUnknown({ ...common }, KNOWN)
  const shared = shareAdapter(adapter)
  const workflowOptions = { ...common, ...workflows }
  const channelOptions = { ...common, ...channels }
  // A lease is for what adds channels; the keys of both are the same.
  const {
    leaseMs: _leaseMs,
    logger: _logger,
    onChannelsLost: _onChannelsLost,
    ...hubOptions
  } = channelOptions
  const services = {
    workflowService: new classes.RedisWorkflowService(shared, workflowOptions),
    workflowRunService: new classes.RedisWorkflowRunService(
      shared,
      workflowOptions
    ),
    sessionStore: new classes.RedisSessionStore(shared, {
      ...common,
      ...sessions,
    }),
    channelStore: new classes.RedisChannelStore(shared, channelOptions),
    eventHubStore: new classes.RedisEventHubStore(shared, hubOptions),
  }
  const all = Object.values(services)
  return {
    ...(services as Pick<ComposedServices<Classes>, keyof typeof services>),
    adapter,
    init: async () => {
      await adapter.open()
      await Promise.all(all.map((service) => service.init()))
    },
    close: async () => {
      const closed = await Promise.allSettled(
        all.map((service) => service.close())
      )
      await adapter.close()
      for (const end of closed) if (end.status === 'rejected') throw end.reason
    },
  }
}
