import {
  type AgentKeys,
  RedisArgumentError,
  type ScriptRunner,
} from '@pikku/redis-core'

/** What the stores of agents share. */
export interface AgentContext {
  readonly runner: ScriptRunner
  readonly keys: AgentKeys
  /** A value as JSON within the size limit. */
  readonly encode: (value: unknown, what: string) => string
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
