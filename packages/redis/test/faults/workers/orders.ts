import type { RedisWorkflowService } from '@pikku/redis'
import type { Application, StepWire } from '../../engine/application.js'

export interface OrderParts {
  /** Makes something happen outside that can be counted. */
  effect(runId: string, stepName: string): Promise<string>
  /** Where a test may stop an order. */
  hold(runId: string): Promise<void>
  service: Pick<RedisWorkflowService, 'updateRunState'>
}

/** The steps of an order, by the way in which each is run. */
export const INLINE_STEPS = ['reserve', 'price']
export const QUEUED_STEPS = ['charge', 'ship']
export const SLEEP = 'cool down'

/** One workflow with steps of each kind, some of which fail at first. */
export function registerOrders(
  app: Application,
  { effect, hold, service }: OrderParts
): void {
  const runOf = (wire: StepWire) => wire.workflowStep!.runId
  /** Fails at its first attempt. */
  const flaky = (stepName: string) => (_: unknown, wire: StepWire) => {
    if (wire.workflowStep!.attemptCount > 1)
      return effect(runOf(wire), stepName)
    throw new Error(`${stepName} is busy`)
  }
  app.step('reserveStock', flaky('reserve'))
  app.step('chargeCard', flaky('charge'), { queued: true })
  app.step('shipParcel', (_, wire) => effect(runOf(wire), 'ship'), {
    queued: true,
  })
  app.workflow('order', async (workflow) => {
    const { runId } = workflow
    const reserved = await workflow.do(
      'reserve',
      'reserveStock',
      {},
      { retries: 3 }
    )
    const price = await workflow.do('price', async () => {
      await hold(runId)
      return effect(runId, 'price')
    })
    await service.updateRunState(runId, 'priced', price)
    await workflow.sleep(SLEEP, '1ms')
    const [charged, shipped] = await Promise.all([
      workflow.do('charge', 'chargeCard', {}, { retries: 3 }),
      workflow.do('ship', 'shipParcel', {}, { retries: 3 }),
    ])
    return [reserved, price, charged, shipped]
  })
}
