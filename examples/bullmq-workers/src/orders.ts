import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { addOrderWorkflow, addStep } from './application.ts'

export const ORDER = 'order'
export const SHIPMENT = 'shipment'
export const APPROVAL = 'Approve'

export interface Order {
  readonly number: number
  /** Whether a person has to approve it. */
  readonly needsApproval: boolean
}

/** Something that happens outside and can be counted: a charge, a parcel. */
export type Effect = (
  runId: string,
  name: string,
  token: string
) => Promise<void>

const RETRIES = { retries: 8, retryDelay: 50 }

const decision = {
  '~standard': {
    types: undefined as
      { input: unknown; output: { approved: boolean } } | undefined,
    version: 1,
    vendor: 'bullmq-workers',
    validate: (value: unknown) =>
      typeof value === 'object' && value !== null && 'approved' in value
        ? { value: { approved: value.approved === true } }
        : { issues: [{ message: 'approved is missing' }] },
  },
} as const

/** Registers the workflows and their steps, as every process has to. */
export function registerOrders(effect: Effect): void {
  const happen = async (runId: string, name: string) => {
    const token = randomUUID()
    await delay(5)
    await effect(runId, name, token)
    return token
  }
  addStep('reserveStock', (_, runId) => happen(runId, 'Reserve stock'))
  addStep('chargeCard', async (order: Order, runId, attempt) => {
    if (order.number % 3 === 0 && attempt === 1) {
      throw new Error('The payment provider says: try again later')
    }
    return happen(runId, 'Charge card')
  })
  addStep('packParcel', (_, runId) => happen(runId, 'Pack parcel'))
  addStep('sendReceipt', (_, runId) => happen(runId, 'Send receipt'))

  addOrderWorkflow<Order>(SHIPMENT, (workflow, order) =>
    workflow.do('Pack parcel', 'packParcel', order, RETRIES)
  )
  addOrderWorkflow<Order>(ORDER, async (workflow, order) => {
    const [stock, payment] = await Promise.all([
      workflow.do('Reserve stock', 'reserveStock', order, RETRIES),
      workflow.do('Charge card', 'chargeCard', order, RETRIES),
    ])
    await workflow.sleep('Cool down', '100ms')
    const parcel = await workflow.do('Ship', SHIPMENT, order, RETRIES)
    if (order.needsApproval) {
      const answer = await workflow.approval(APPROVAL, { schema: decision })
      if (answer.status !== 'decided' || !answer.data.approved) {
        throw new Error(`Order ${order.number} was not approved`)
      }
    }
    const receipt = await workflow.do(
      'Send receipt',
      'sendReceipt',
      order,
      RETRIES
    )
    return { stock, payment, parcel, receipt }
  })
}
