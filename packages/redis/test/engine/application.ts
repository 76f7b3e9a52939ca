import {
  addFunction,
  pikkuState,
  resetPikkuState,
  setSingletonServices,
} from '@pikku/core/ecosystem'
import type { JobOptions, QueueService } from '@pikku/core/queue'
import { addWorkflow, type PikkuWorkflowWire } from '@pikku/core/workflow'
import type { RedisWorkflowService as OverIoRedis } from '@pikku/redis'
import type { RedisWorkflowService as OverNodeRedis } from '@pikku/redis/node-redis'

type Service = OverIoRedis | OverNodeRedis
export type Rpc = Parameters<Service['startWorkflow']>[3]
type Body = (workflow: PikkuWorkflowWire, input: unknown) => Promise<unknown>
type Meta = ReturnType<typeof pikkuState<'workflows', 'meta'>>[string]

export interface StepWire {
  graph?: { branch(key: string): void }
  workflowStep?: {
    runId: string
    invocationId: string
    attemptCount: number
  }
}

/** What a queue keeps of a message. */
export interface Message {
  queueName: string
  data: { runId: string; stepName: string; rpcName: string; stepId: string }
  options: JobOptions
}

/** The services that an application of a test gives to Pikku. */
export interface ApplicationServices {
  warn(message: string): void
  info?(message: string): void
  queue?: QueueService
  /** Called with what has to be run after a delay, in ms. */
  schedule(delay: number, name: string, data: unknown): void
}

/**
 * The application's side of the engine, as little of it as there can be. Pikku
 * keeps it in a global, so a process has one at a time. Nothing in this file
 * needs a test runner: worker processes use it too.
 */
export class Application {
  /** Which functions were called, in order, with their input. */
  readonly calls: Array<[name: string, data: unknown]> = []
  readonly rpc: Rpc
  readonly #functions = new Map<
    string,
    (data: unknown, wire: StepWire) => unknown
  >()

  constructor() {
    this.rpc = {
      rpcWithWire: async (name: string, data: unknown, wire: StepWire) => {
        const run = this.#functions.get(name)
        if (!run) throw new Error(`No function '${name}'`)
        this.calls.push([name, data])
        return run(data, wire)
      },
    } as unknown as Rpc
  }

  /** Forgets what was registered before, and gives Pikku these services. */
  serve({ warn, info = () => {}, queue, schedule }: ApplicationServices): void {
    resetPikkuState()
    const ignore = () => {}
    setSingletonServices({
      config: {},
      logger: { debug: ignore, info, error: ignore, warn },
      schedulerService: {
        scheduleRPC: async (delay: number, name: string, data: unknown) =>
          schedule(delay, name, data),
      },
      ...(queue && { queueService: queue }),
    } as unknown as Parameters<typeof setSingletonServices>[0])
  }

  /** @param options.queued Whether its steps go through the queue. */
  step<Data = unknown>(
    name: string,
    run: (data: Data, wire: StepWire) => unknown,
    options: { queued?: boolean } = {}
  ): void {
    this.#functions.set(name, run as (data: unknown, wire: StepWire) => unknown)
    addFunction(name, { func: async () => undefined })
    this.#declare(name, name, options.queued)
  }

  workflow(
    name: string,
    body: Body,
    options: Partial<Meta> & { queued?: boolean } = {}
  ): void {
    const { queued, ...meta } = options
    const pikkuFuncId = `${name}Func`
    this.meta[name] = {
      name,
      pikkuFuncId,
      source: 'complex',
      graphHash: `${name}-1`,
      ...meta,
    }
    this.#declare(name, pikkuFuncId, queued)
    addWorkflow(name, {
      func: (
        _services: unknown,
        input: unknown,
        { workflow }: { workflow: PikkuWorkflowWire }
      ) => body(workflow, input),
    })
  }

  graph(name: string, nodes: Record<string, unknown>, entry: string): void {
    this.meta[name] = {
      name,
      pikkuFuncId: `${name}Func`,
      source: 'graph',
      graphHash: `${name}-1`,
      nodes,
      entryNodeIds: [entry],
    }
  }

  get meta(): Record<string, Meta> {
    return pikkuState(null, 'workflows', 'meta')
  }

  #declare(rpcName: string, pikkuFuncId: string, queued = false): void {
    pikkuState(null, 'rpc', 'meta')[rpcName] = pikkuFuncId
    pikkuState(null, 'function', 'meta')[pikkuFuncId] = {
      pikkuFuncId,
      sessionless: true,
      functionType: 'helper',
      inputSchemaName: null,
      outputSchemaName: null,
      workflowQueued: queued,
    }
  }

  /** Does what the queue's worker does with one message. */
  deliver({ queueName, data }: Message, service: Service): Promise<void> {
    const { runId, stepName, rpcName, stepId } = data
    switch (queueName) {
      case 'pikku-workflow-orchestrator':
        return service.orchestrateWorkflow(runId, this.rpc)
      case 'pikku-workflow-step-worker': {
        const input = (data as { data?: unknown }).data
        return service.executeWorkflowStep(
          runId,
          stepName,
          rpcName,
          input,
          this.rpc
        )
      }
      case 'pikkuWorkflowSleeper':
        return service.executeWorkflowSleepCompleted(runId, stepId)
      default:
        throw new Error(`No worker for the queue '${queueName}'`)
    }
  }
}
