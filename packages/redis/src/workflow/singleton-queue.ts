import type { QueueService } from '@pikku/core/queue'

interface PackageState {
  package?: { singletonServices?: { queueService?: QueueService } | null }
}

/** Where every copy of @pikku/core in a process keeps the state they share. */
const STATE = Symbol.for('@pikku/core/state')

function singletonServices(): { queueService?: QueueService } | undefined {
  const states = (globalThis as { [STATE]?: Map<string, PackageState> })[STATE]
  return states?.get('__main__')?.package?.singletonServices ?? undefined
}

/**
 * The engine takes its queue from the application's singleton services, and
 * from nowhere else. Gives them this one if they have none.
 */
export function offerQueue(queue: QueueService): void {
  const services = singletonServices()
  if (services && !services.queueService) services.queueService = queue
}

/** Whether the engine has a queue to send work to. */
export function hasQueue(): boolean {
  return Boolean(singletonServices()?.queueService)
}
