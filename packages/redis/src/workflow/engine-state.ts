import type { QueueService } from '@pikku/core/queue'

interface PackageState {
  package?: { singletonServices?: { queueService?: QueueService } | null }
  rpc?: { meta?: Record<string, string> }
  workflows?: { meta?: Record<string, { source?: string }> }
  function?: { meta?: Record<string, { workflowQueued?: boolean }> }
}

/** Where every copy of @pikku/core in a process keeps the state they share. */
const STATE = Symbol.for('@pikku/core/state')

function mainState(): PackageState | undefined {
  const states = (globalThis as { [STATE]?: Map<string, PackageState> })[STATE]
  return states?.get('__main__')
}

function singletonServices(): { queueService?: QueueService } | undefined {
  return mainState()?.package?.singletonServices ?? undefined
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

/**
 * Whether a step with this function goes to the queue. Nobody knows of a
 * function of an application that is set up in another way: then it may.
 */
export function isQueued(rpcName: string): boolean {
  const { rpc, function: functions } = mainState() ?? {}
  const id = rpc?.meta?.[rpcName]
  const meta = id === undefined ? undefined : functions?.meta?.[id]
  return meta === undefined || meta.workflowQueued === true
}

/** What the engine calls steps that wait for a person. */
export const GATES = {
  approval: 'pikkuWorkflowApproval',
  suspend: 'pikkuWorkflowSuspend',
} as const

/** Whether a workflow is a graph: those are planned, not replayed. */
export function isGraph(workflowName: string): boolean {
  return mainState()?.workflows?.meta?.[workflowName]?.source === 'graph'
}

/** Whether the engine left a body because the run waits for others. */
export function isWaiting(error: unknown): boolean {
  const { name } = error as Error
  return (
    name === 'WorkflowAsyncException' || name === 'WorkflowSuspendedException'
  )
}
