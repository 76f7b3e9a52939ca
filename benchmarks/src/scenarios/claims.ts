import type { QueueService } from '@pikku/core/queue'
import type { PikkuWorkflowService } from '@pikku/core/workflow'
import { contenders } from '../contenders.ts'
import {
  beginApplication,
  graphHashOf,
  registerQueuedStep,
  registerWorkflow,
  type Rpc,
  WIRE,
} from '../engine.ts'
import type { Scenario, Values } from '../scenario.ts'
import { openStore } from '../store.ts'
import { type WireCount, WireMeter } from '../wire-meter.ts'

const WORKFLOW = 'queued'
const STEP = 'Charge card'
const RPC_NAME = 'chargeCard'
const ENGINE = 'executeWorkflowStep of 0.12.84'
const CLAIM = 'claimStepForExecution of later engines'

export const claims: Scenario = {
  name: 'claims',
  title: "A step worker's claim",
  about: `Round trips from the call of executeWorkflowStep, for a step that was
queued, until its function is called, and until the call is over; the engine
reads the run once on either side. Later engines ask the store to claim a step
in one call, which is counted by itself.`,
  metrics: {
    toFunction: {
      label: 'round trips to the function',
      unit: '',
      better: 'lower',
    },
    toEnd: { label: 'round trips to the end', unit: '', better: 'lower' },
  },
  headline: 'toFunction',

  collect: (lab) =>
    lab.inTurns({
      scenario: 'claims',
      cases: [ENGINE, CLAIM],
      // Counts are the same every time.
      rounds: 1,
      contenders: (name) =>
        name === CLAIM ? contenders('ours') : contenders('ours', 'published'),
    }),

  async measure({ contender, target, keyPrefix, case: name }): Promise<Values> {
    beginApplication(QUEUE)
    registerWorkflow(WORKFLOW, async () => {})
    registerQueuedStep(RPC_NAME)
    const meter = await WireMeter.open(target.urls[0]!)
    const through = { urls: [meter.url], cluster: false }
    const { service, close } = await openStore(contender, through, keyPrefix)

    let reached: WireCount | undefined
    const rpc = {
      rpcWithWire: async () => {
        reached = meter.read()
        return { paid: true }
      },
    } as unknown as Rpc
    const take = async (runId: string) => {
      if (name === ENGINE) {
        await service.executeWorkflowStep(runId, STEP, RPC_NAME, {}, rpc)
      } else {
        await asLaterEngines(service).claimStepForExecution(
          runId,
          STEP,
          RPC_NAME
        )
      }
    }
    // The first call of all loads the scripts, and learns the server's clock.
    await take(await queueStep(service))
    const runId = await queueStep(service)
    const ended = await meter.count(() => take(runId))
    await close()
    await meter.close()
    const { roundTrips } = ended
    if (name === CLAIM) return { toFunction: roundTrips }
    return { toFunction: reached!.roundTrips, toEnd: roundTrips }
  },
}

/** Nobody takes anything from it: the measurement is the worker. */
const QUEUE: QueueService = {
  supportsResults: false,
  add: async () => 'job',
  getJob: async () => null,
}

async function queueStep(service: PikkuWorkflowService): Promise<string> {
  const hash = graphHashOf(WORKFLOW)
  const id = await service.createRun(WORKFLOW, {}, false, hash, WIRE)
  const { stepId } = await service.insertStepState(id, STEP, RPC_NAME, {})
  await service.setStepScheduled(stepId)
  return id
}

/** It is protected, and the base class of 0.12.84 does not know it. */
function asLaterEngines(service: PikkuWorkflowService) {
  return service as unknown as {
    claimStepForExecution(
      runId: string,
      stepName: string,
      rpcName: string | null
    ): Promise<unknown>
  }
}
