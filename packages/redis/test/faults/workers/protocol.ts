import type { RedisWorkflowServiceOptions } from '@pikku/redis'
import type { Message } from '../../engine/application.js'

/** How a worker process is set up, as JSON in `ORDER_WORKER`. */
export interface WorkerSetup {
  client: string
  url: string
  service: RedisWorkflowServiceOptions
  /** The point of its work at which it kills itself. @default never */
  diesAt?: number
  /** Whether orders wait at their gate until they are told to go on. */
  holds?: boolean
}

export type WorkerRequest = { id: number } & (
  { start: string } | { deliver: Message } | { go: string }
)

/** An effect of a step on the world outside. */
export interface Effect {
  runId: string
  stepName: string
  value: string
}

export type WorkerEvent =
  | { ready: true }
  | { id: number; value?: unknown; error?: string }
  | { added: Message }
  | { effect: Effect }
  | { warning: string }
  | { holds: string }
  | { dies: string }
