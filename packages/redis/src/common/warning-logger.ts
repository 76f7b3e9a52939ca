import { RedisOptionsError } from '@pikku/redis-core'

/** Where a service says what went wrong in the background: Pikku's logger. */
export interface WarningLogger {
  warn(message: string): void
}

/** @throws RedisOptionsError for what is no logger. */
export function resolveLogger(
  logger: WarningLogger | undefined
): WarningLogger {
  if (logger === undefined) return console
  if (typeof logger?.warn !== 'function') {
    throw new RedisOptionsError('logger must have a method warn')
  }
  return logger
}
