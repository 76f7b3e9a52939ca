import { readFileSync } from 'node:fs'

export interface Order {
  readonly id: string
  readonly customer: string
  readonly item: string
  readonly totalCents: number
  /** How often the payment provider says no before it says yes. */
  readonly declines: number
  /** How long each of the order's steps takes. */
  readonly paceMs: number
  /** The two warehouses that each send a part. */
  readonly parcels: readonly [string, string]
}

export function readOrders(): Order[] {
  const file = new URL('../orders.json', import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as Order[]
}
