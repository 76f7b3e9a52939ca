import { setTimeout as sleep } from 'node:timers/promises'
import { pikkuState } from '@pikku/core/ecosystem'
import { addWorkflow, type PikkuWorkflowWire } from '@pikku/core/workflow'
import { report } from './event.ts'
import type { Ledger } from './ledger.ts'
import type { Order } from './orders.ts'

export const FULFILMENT = 'fulfilOrder'
export const APPROVAL = 'Approve invoice'

export function stepsOf(order: Order): string[] {
  return [
    'Reserve stock',
    'Charge card',
    ...order.parcels.map(shipmentStep),
    'Send receipt',
  ]
}

export function shipmentStep(warehouse: string): string {
  return `Ship from ${warehouse}`
}

interface Decision {
  readonly approved: boolean
}

/** A decision comes from a person, so it is checked. Zod would do as well. */
const decisionSchema = {
  '~standard': {
    types: undefined as { input: unknown; output: Decision } | undefined,
    version: 1,
    vendor: 'order-fulfilment',
    validate: (value: unknown) =>
      typeof value === 'object' &&
      value !== null &&
      'approved' in value &&
      typeof value.approved === 'boolean'
        ? { value: { approved: value.approved } }
        : { issues: [{ message: 'approved must be true or false' }] },
  },
} as const

export interface FulfilmentOptions {
  readonly ledger: Ledger
  /** The step, as order:step, that never comes back from the outside. */
  readonly holdAt?: string
}

/** Registers the workflow. In an application the Pikku CLI generates this. */
export function registerFulfilment(options: FulfilmentOptions): void {
  pikkuState(null, 'workflows', 'meta')[FULFILMENT] = {
    name: FULFILMENT,
    pikkuFuncId: FULFILMENT,
    source: 'complex',
    graphHash: 'v1',
  }
  pikkuState(null, 'function', 'meta')[FULFILMENT] = {
    pikkuFuncId: FULFILMENT,
    sessionless: true,
    inputSchemaName: null,
    outputSchemaName: null,
  }
  addWorkflow(FULFILMENT, {
    func: (
      _services: unknown,
      order: Order,
      { workflow }: { workflow: PikkuWorkflowWire }
    ) => fulfil(order, workflow, options),
  })
}

async function fulfil(
  order: Order,
  workflow: PikkuWorkflowWire,
  { ledger, holdAt }: FulfilmentOptions
) {
  const call = async (step: string, text: string, declines = 0) => {
    const outcome = await ledger.attempt(order.id, step, declines)
    if (outcome === 'declined') {
      report({ type: 'step', order: order.id, step, text: 'declined' })
      throw new Error('The payment provider says: try again later')
    }
    if (`${order.id}:${step}` === holdAt) {
      // The effect has happened and its result is not recorded: the worst
      // moment to die. Waiting here makes sure that the kill comes in time.
      report({ type: 'held', order: order.id, step })
      await new Promise(() => setInterval(() => {}, 60_000))
    }
    await sleep(order.paceMs)
    const repeated = outcome === 'repeated' ? ' (was done before)' : ''
    report({ type: 'step', order: order.id, step, text: text + repeated })
    return `${step}:${order.id}`
  }

  const reservation = await workflow.do('Reserve stock', () =>
    call('Reserve stock', order.item)
  )
  const payment = await workflow.do(
    'Charge card',
    () => call('Charge card', euros(order.totalCents), order.declines),
    { retries: 4, retryDelay: 120 }
  )
  const shipments = await Promise.all(
    order.parcels.map((warehouse) => {
      const step = shipmentStep(warehouse)
      return workflow.do(step, () => call(step, 'handed to the courier'))
    })
  )
  const approval = await workflow.approval(APPROVAL, { schema: decisionSchema })
  if (approval.status !== 'decided' || !approval.data.approved) {
    throw new Error(`The invoice of ${order.id} was not approved`)
  }
  const receipt = await workflow.do('Send receipt', () =>
    call('Send receipt', `to ${order.customer}`)
  )
  return { reservation, payment, shipments, receipt }
}

function euros(cents: number): string {
  return `EUR ${(cents / 100).toFixed(2)}`
}
