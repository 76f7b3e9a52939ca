import {
  addFunction,
  pikkuState,
  resetPikkuState,
  setSingletonServices,
} from '@pikku/core/ecosystem'
import type { QueueService } from '@pikku/core/queue'
import {
  addWorkflow,
  type PikkuWorkflowService,
  type PikkuWorkflowWire,
} from '@pikku/core/workflow'

export type Rpc = Parameters<PikkuWorkflowService['runWorkflowJob']>[1]
type Body = (workflow: PikkuWorkflowWire) => Promise<unknown>

export const WIRE = { type: 'benchmark' }

/** For runs whose steps are functions of their own body. */
export const NO_RPC = {} as Rpc

/** Pikku keeps an application in a global: this begins with an empty one. */
export function beginApplication(queueService?: QueueService): void {
  resetPikkuState()
  const quiet = () => {}
  setSingletonServices({
    config: {},
    logger: { debug: quiet, info: quiet, warn: quiet, error: console.error },
    ...(queueService && { queueService }),
  } as unknown as Parameters<typeof setSingletonServices>[0])
}

export function graphHashOf(workflow: string): string {
  return `${workflow}-1`
}

/** What the Pikku CLI would generate. */
export function registerWorkflow(name: string, body: Body): void {
  const pikkuFuncId = `${name}Func`
  pikkuState(null, 'workflows', 'meta')[name] = {
    name,
    pikkuFuncId,
    source: 'complex',
    graphHash: graphHashOf(name),
  }
  declare(name, pikkuFuncId)
  addWorkflow(name, {
    func: (
      _services: unknown,
      _input: unknown,
      { workflow }: { workflow: PikkuWorkflowWire }
    ) => body(workflow),
  })
}

/** A function whose calls go through the queue as steps. */
export function registerQueuedStep(name: string): void {
  addFunction(name, { func: async () => undefined })
  declare(name, name)
}

function declare(rpcName: string, pikkuFuncId: string): void {
  pikkuState(null, 'rpc', 'meta')[rpcName] = pikkuFuncId
  pikkuState(null, 'function', 'meta')[pikkuFuncId] = {
    pikkuFuncId,
    sessionless: true,
    functionType: 'helper',
    inputSchemaName: null,
    outputSchemaName: null,
    workflowQueued: true,
  }
}
