import type { QueueService } from '@pikku/core/queue'

interface PackageState {
  package?: { singletonServices?: { queueService?: QueueService } | null }
}

/** Where every copy of @pikku/core in a process keeps the state they share. */
const STATE = Symbol.for('@pikku/core/state')

/**
 * The engine takes its queue from the application's singleton services, and
 * from nowhere else. Gives them this one if they have none.
 */
export function offerQueue(queue: QueueService): void {
  const states = (globalThis as { [STATE]?: Map<string, PackageState> })[STATE]
  const services = states?.get('__main__')?.package?.singletonServices
  if (services && !services.queueService) services.queueService = queue
}

/** Whether the engine has a queue to send work to. */
export function hasQueue(): boolean {
  const states = (globalThis as { [STATE]?: Map<string, PackageState> })[STATE]
  return Boolean(
    states?.get('__main__')?.package?.singletonServices?.queueService
  )
}
