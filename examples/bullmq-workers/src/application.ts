import {
  addFunction,
  pikkuState,
  setSingletonServices,
} from '@pikku/core/ecosystem'
import { addWorkflow, type PikkuWorkflowWire } from '@pikku/core/workflow'
import type { BullQueues } from './bullmq-binding.ts'
import type { Service } from './connection.ts'

type Services = Parameters<typeof setSingletonServices>[0]
export type Rpc = Parameters<Service['runWorkflowJob']>[1]
type Step = (input: never, runId: string, attempt: number) => Promise<unknown>

const steps = new Map<string, Step>()

/** How the engine calls a step's function. The Pikku CLI generates this. */
export const rpc = {
  rpcWithWire: async (
    name: string,
    input: never,
    { workflowStep }: { workflowStep: { runId: string; attemptCount: number } }
  ) => {
    const step = steps.get(name)
    if (!step) throw new Error(`No function '${name}'`)
    return step(input, workflowStep.runId, workflowStep.attemptCount)
  },
} as unknown as Rpc

export function provideServices(
  queues: BullQueues,
  warn: (line: unknown) => void
): void {
  const quiet = () => {}
  setSingletonServices({
    config: {},
    logger: { debug: quiet, info: quiet, warn, error: quiet },
    queueService: queues,
    schedulerService: queues,
  } as unknown as Services)
}

/** A function that is a step of workflows, each call a message of the queue. */
export function addStep(name: string, run: Step): void {
  steps.set(name, run)
  addFunction(name, { func: async () => undefined })
  declare(name, name)
}

/** A workflow; as a step of another one it is a child run. */
export function addOrderWorkflow<Input>(
  name: string,
  body: (workflow: PikkuWorkflowWire, input: Input) => Promise<unknown>
): void {
  const pikkuFuncId = `${name}Func`
  pikkuState(null, 'workflows', 'meta')[name] = {
    name,
    pikkuFuncId,
    source: 'complex',
    graphHash: `${name}-1`,
  }
  declare(name, pikkuFuncId)
  addWorkflow(name, {
    func: (
      _services: unknown,
      input: Input,
      { workflow }: { workflow: PikkuWorkflowWire }
    ) => body(workflow, input),
  })
}

function declare(rpcName: string, pikkuFuncId: string): void {
  pikkuState(null, 'rpc', 'meta')[rpcName] = pikkuFuncId
  pikkuState(null, 'function', 'meta')[pikkuFuncId] = {
    pikkuFuncId,
    sessionless: true,
    inputSchemaName: null,
    outputSchemaName: null,
    workflowQueued: true,
  }
}
