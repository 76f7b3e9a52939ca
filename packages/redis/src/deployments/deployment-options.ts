import type {
  DeploymentServiceConfig,
  JWTService,
  SecretService,
} from '@pikku/core/services'
import { RedisOptionsError, wholeNumber } from '@pikku/redis-core'
import { resolveLogger, type ServiceLogger } from '../common/service-logger.js'
import {
  refuseUnknown,
  resolveServiceOptions,
  type ServiceOptions,
} from '../common/service-options.js'

export interface RedisDeploymentServiceOptions extends ServiceOptions {
  /**
   * The start of every key. On a cluster it becomes a hash tag.
   * @default 'pikku'
   */
  keyPrefix?: string
  /** Signs the session that goes along with a call. */
  jwt?: JWTService
  /** Has `PIKKU_REMOTE_SECRET`, with which the session is encrypted. */
  secrets?: SecretService
  /**
   * Is told once when the registration cannot be renewed, and once when it can
   * be again.
   * @default console
   */
  logger?: ServiceLogger
  /**
   * How long `invoke` waits for the answer of a function, in ms.
   * @default as long as `fetch` does
   */
  invokeTimeoutMs?: number
}

/** Options and config, checked, with defaults in place. */
export interface DeploymentSettings extends RedisDeploymentServiceOptions {
  readonly heartbeatInterval: number
  readonly heartbeatTtl: number
  readonly logger: ServiceLogger
}

/** @throws RedisOptionsError that names the option. */
export function resolveDeploymentOptions(
  config: DeploymentServiceConfig | undefined,
  given: RedisDeploymentServiceOptions | string | undefined,
  jwt: JWTService | undefined,
  secrets: SecretService | undefined
): DeploymentSettings {
  const options = resolveServiceOptions<RedisDeploymentServiceOptions>(given, {
    jwt: true,
    secrets: true,
    logger: true,
    invokeTimeoutMs: true,
  })
  const settings = {
    ...options,
    ...resolveHeartbeat(config ?? {}),
    jwt: oneOf('jwt', options.jwt, jwt),
    secrets: oneOf('secrets', options.secrets, secrets),
    logger: resolveLogger(options.logger),
  }
  checkMethod('jwt', settings.jwt, 'encode')
  checkMethod('secrets', settings.secrets, 'getSecret')
  if (options.invokeTimeoutMs !== undefined) {
    wholeNumber('invokeTimeoutMs', options.invokeTimeoutMs, 1)
  }
  return settings
}

function resolveHeartbeat(config: DeploymentServiceConfig) {
  if (typeof config !== 'object' || Array.isArray(config)) {
    throw new RedisOptionsError(
      'The first argument is an object of heartbeatInterval and heartbeatTtl; ' +
        'the connection is the second'
    )
  }
  refuseUnknown(config, { heartbeatInterval: true, heartbeatTtl: true })
  const { heartbeatInterval = 10_000, heartbeatTtl = 30_000 } = config
  wholeNumber('heartbeatInterval', heartbeatInterval, 1)
  // A registration that ends before it is renewed would come and go.
  wholeNumber('heartbeatTtl', heartbeatTtl, heartbeatInterval + 1)
  return { heartbeatInterval, heartbeatTtl }
}

function oneOf<T>(
  name: string,
  option: T | undefined,
  argument: T | undefined
): T | undefined {
  if (option !== undefined && argument !== undefined) {
    throw new RedisOptionsError(
      `${name} is an option and an argument: give one`
    )
  }
  return option ?? argument
}

function checkMethod(name: string, value: unknown, method: string): void {
  if (value === undefined) return
  const found =
    typeof value === 'object' && value !== null && Reflect.get(value, method)
  if (typeof found === 'function') return
  throw new RedisOptionsError(`${name} must be an object with ${method}()`)
}
