import { RedisOptionsError } from '@pikku/redis-core'

/** Where a service says what happens in the background: Pikku's logger. */
export interface ServiceLogger {
  warn(message: string): void
  /** For good news; without it they are warnings, too. */
  info?(message: string): void
}

/** @throws RedisOptionsError for what is no logger. */
export function resolveLogger(logger: ServiceLogger = console): ServiceLogger {
  if (typeof logger?.warn === 'function') return logger
  throw new RedisOptionsError('logger must be an object with warn()')
}

/** A line in a log is never a reason to fail. */
export function log(
  logger: ServiceLogger,
  level: 'info' | 'warn',
  message: string
): void {
  const line = `[pikku-redis] ${message}`
  try {
    if (level === 'info' && logger.info) logger.info(line)
    else logger.warn(line)
  } catch {
    // The application's logger failed.
  }
}
