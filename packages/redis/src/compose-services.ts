import {
  type RedisAdapter,
  RedisOptionsError,
  shareAdapter,
} from '@pikku/redis-core'
import type { DeploymentServiceConfig } from '@pikku/core/services'
import type { RedisAgentServiceOptions } from './agents/redis-agent-service.js'
import type { RedisChannelStoreOptions } from './channels/base-channel-store.js'
import {
  commonOf,
  refuseUnknown,
  type ServiceOptions,
} from './common/service-options.js'
import type { RedisDeploymentServiceOptions } from './deployments/deployment-options.js'
import type { RedisSecretServiceOptions } from './secrets/base-secret-service.js'
import type { RedisSessionStoreOptions } from './sessions/base-session-store.js'
import type { RedisWorkflowServiceOptions } from './workflow/workflow-options.js'

/**
 * Options of all services, and those of each family, which go before them. A
 * `keyPrefix` belongs to a family.
 */
export interface RedisServicesOptions extends Omit<
  ServiceOptions,
  'keyPrefix'
> {
  /** Of the workflow service and of the run service. */
  workflows?: RedisWorkflowServiceOptions
  /** Of the channel store and, but for its lease, of the event hub store. */
  channels?: RedisChannelStoreOptions
  sessions?: RedisSessionStoreOptions
  /** Of the secret service and of the credential service. */
  secrets?: RedisSecretServiceOptions
  /** What a deployment service is told as `config`, and its options. */
  deployments?: DeploymentServiceConfig & RedisDeploymentServiceOptions
  agents?: RedisAgentServiceOptions
}

const KNOWN: Record<keyof RedisServicesOptions, true> = {
  callTimeoutMs: true,
  durability: true,
  maxValueBytes: true,
  workflows: true,
  channels: true,
  sessions: true,
  secrets: true,
  deployments: true,
  agents: true,
}

const FAMILIES = [
  'workflows',
  'channels',
  'sessions',
  'secrets',
  'deployments',
  'agents',
] as const

interface Service {
  init(): Promise<void>
  close(): Promise<void>
}

type Constructor<Options> = new (
  adapter: RedisAdapter,
  options: Options
) => Service

/** The classes of an entry. */
export interface ServiceClasses {
  RedisWorkflowService: Constructor<RedisWorkflowServiceOptions>
  RedisWorkflowRunService: Constructor<RedisWorkflowServiceOptions>
  RedisChannelStore: Constructor<RedisChannelStoreOptions>
  RedisEventHubStore: Constructor<object>
  RedisSessionStore: Constructor<RedisSessionStoreOptions>
  RedisSecretService: Constructor<RedisSecretServiceOptions>
  RedisCredentialService: Constructor<RedisSecretServiceOptions>
  RedisDeploymentService: new (
    config: DeploymentServiceConfig,
    adapter: RedisAdapter,
    options: RedisDeploymentServiceOptions
  ) => Service
  RedisAgentRunService: Constructor<RedisAgentServiceOptions>
  RedisAgentStorageService: Constructor<RedisAgentServiceOptions>
}

/** Services on one connection, under the names that Pikku has for them. */
export type ComposedServices<
  Classes extends ServiceClasses,
  Options extends RedisServicesOptions,
> = {
  /** The connection that they share. */
  readonly adapter: RedisAdapter
  /** Connects, and makes every service ready. Can be called again. */
  readonly init: () => Promise<void>
  /**
   * Closes every service, then the connection if it was made here. It tries
   * all of them, and throws the first error.
   */
  readonly close: () => Promise<void>
  readonly workflowService: InstanceType<Classes['RedisWorkflowService']>
  readonly workflowRunService: InstanceType<Classes['RedisWorkflowRunService']>
  readonly channelStore: InstanceType<Classes['RedisChannelStore']>
  readonly eventHubStore: InstanceType<Classes['RedisEventHubStore']>
  readonly sessionStore: InstanceType<Classes['RedisSessionStore']>
  readonly deploymentService: InstanceType<Classes['RedisDeploymentService']>
  readonly agentRunService: InstanceType<Classes['RedisAgentRunService']>
  /** The same service as `agentRunState`: it is both. */
  readonly agentStorage: InstanceType<Classes['RedisAgentStorageService']>
  readonly agentRunState: InstanceType<Classes['RedisAgentStorageService']>
} & (Options extends { secrets: RedisSecretServiceOptions }
  ? {
      readonly secrets: InstanceType<Classes['RedisSecretService']>
      readonly credentialService: InstanceType<
        Classes['RedisCredentialService']
      >
    }
  : unknown)

/**
 * All services of an entry on one adapter.
 *
 * @throws RedisOptionsError that names the option.
 */
export function composeServices<Classes extends ServiceClasses>(
  adapter: RedisAdapter,
  options: RedisServicesOptions,
  classes: Classes
): ComposedServices<Classes, RedisServicesOptions> {
  const services = makeServices(shareAdapter(adapter), options, classes)
  const all = [...new Set<Service>(Object.values(services))]
  return {
    ...(services as Omit<
      ComposedServices<Classes, RedisServicesOptions>,
      'adapter' | 'init' | 'close'
    >),
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

function makeServices(
  adapter: RedisAdapter,
  options: RedisServicesOptions,
  classes: ServiceClasses
): Record<string, Service> {
  refuseUnknown(options, KNOWN)
  for (const family of FAMILIES) checkObject(family, options[family])
  const { workflows, channels, sessions, secrets, agents } = options
  const { heartbeatInterval, heartbeatTtl, ...deployments } =
    options.deployments ?? {}
  const config: DeploymentServiceConfig = {
    ...(heartbeatInterval !== undefined && { heartbeatInterval }),
    ...(heartbeatTtl !== undefined && { heartbeatTtl }),
  }
  const common = commonOf(options)
  const withCommon = <Own extends object>(own?: Own) =>
    ({ ...common, ...own }) as Own
  const agentStorage = new classes.RedisAgentStorageService(
    adapter,
    withCommon(agents)
  )
  return {
    workflowService: new classes.RedisWorkflowService(
      adapter,
      withCommon(workflows)
    ),
    workflowRunService: new classes.RedisWorkflowRunService(
      adapter,
      withCommon(workflows)
    ),
    channelStore: new classes.RedisChannelStore(adapter, withCommon(channels)),
    // A lease is for what adds channels; the keys of both are the same.
    eventHubStore: new classes.RedisEventHubStore(
      adapter,
      commonOf(withCommon(channels))
    ),
    sessionStore: new classes.RedisSessionStore(adapter, withCommon(sessions)),
    ...(secrets && {
      secrets: new classes.RedisSecretService(adapter, withCommon(secrets)),
      credentialService: new classes.RedisCredentialService(
        adapter,
        withCommon(secrets)
      ),
    }),
    deploymentService: new classes.RedisDeploymentService(
      config,
      adapter,
      withCommon(deployments)
    ),
    agentRunService: new classes.RedisAgentRunService(
      adapter,
      withCommon(agents)
    ),
    agentStorage,
    agentRunState: agentStorage,
  }
}

/** @throws RedisOptionsError that names the family. */
function checkObject(name: string, options: unknown): void {
  if (options === undefined) return
  if (typeof options === 'object' && options && !Array.isArray(options)) return
  throw new RedisOptionsError(`${name} must be an object of options`)
}
