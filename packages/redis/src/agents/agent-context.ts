import {
  AgentKeys,
  RedisArgumentError,
  type RedisAdapter,
  type ScriptRunner,
} from '@pikku/redis-core'
import {
  resolveServiceOptions,
  type ServiceOptions,
} from '../common/service-options.js'

export interface RedisAgentServiceOptions extends ServiceOptions {
  /**
   * The start of every key. Workflows have keys of the same names: give them
   * another one.
   * @default 'ai'
   */
  keyPrefix?: string
}

/** What the stores of agents share. */
export interface AgentContext {
  readonly runner: ScriptRunner
  readonly keys: AgentKeys
  /** A value as JSON within the size limit. */
  readonly encode: (value: unknown, what: string) => string
}

/** @throws RedisOptionsError that names the option. */
export function resolveAgentOptions(
  given: RedisAgentServiceOptions | string | undefined
): RedisAgentServiceOptions {
  return resolveServiceOptions<RedisAgentServiceOptions>(given, {})
}

/** @throws RedisOptionsError for a prefix that is none. */
export function agentKeys(
  { keyPrefix = 'ai' }: RedisAgentServiceOptions,
  { topology }: RedisAdapter
): AgentKeys {
  return new AgentKeys(keyPrefix, topology)
}

/**
 * A time as ms since the epoch.
 *
 * @throws RedisArgumentError for what is no date.
 */
export function timeOf(value: unknown, what: string): number {
  const ms = value instanceof Date ? value.getTime() : NaN
  if (!Number.isFinite(ms)) {
    throw new RedisArgumentError(`${what} must be a Date, not ${String(value)}`)
  }
  return ms
}

/** @throws RedisArgumentError that names the argument. */
export function wholeArgument(name: string, value: unknown, most: number) {
  if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > most) {
    throw new RedisArgumentError(
      `${name} must be a whole number from 0 to ${most}, not ${String(value)}`
    )
  }
}
