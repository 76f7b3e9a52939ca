import { WorkerProcess } from '@pikku/redis-testing'
import type { Message } from '../../engine/application.js'
import type { WorkerEvent, WorkerRequest, WorkerSetup } from './protocol.js'

type Request = WorkerRequest extends infer R
  ? R extends { id: number }
    ? Omit<R, 'id'>
    : never
  : never

/** How a request ended: `dead` if its process ended first. */
export type End =
  | { how: 'done'; value: unknown }
  | { how: 'failed'; error: string }
  | { how: 'dead' }

/** A process of `order-worker.ts`, and what it says. */
export class OrderWorker {
  readonly process: WorkerProcess
  /** Where it killed itself. */
  diedAt: string | undefined
  readonly #onEvent: (event: WorkerEvent) => void
  #read = 0
  #requests = 0

  private constructor(
    process: WorkerProcess,
    onEvent: (event: WorkerEvent) => void
  ) {
    this.process = process
    this.#onEvent = onEvent
  }

  /** @param onEvent Gets what the worker says, in order. */
  static async start(
    setup: WorkerSetup,
    onEvent: (event: WorkerEvent) => void = () => {}
  ): Promise<OrderWorker> {
    const process = await WorkerProcess.start(
      new URL('./order-worker.ts', import.meta.url),
      { env: { ORDER_WORKER: JSON.stringify(setup) } }
    )
    await process.waitForLine('{"ready":true}', 30_000)
    return new OrderWorker(process, onEvent)
  }

  deliver(deliver: Message): Promise<End> {
    return this.ask({ deliver })
  }

  async ask(request: Request): Promise<End> {
    const id = ++this.#requests
    this.process.writeLine(JSON.stringify({ id, ...request }))
    const line = await this.process
      .waitForLine(new RegExp(`^{"id":${id}[,}]`), 30_000)
      .catch(async (error: Error) => {
        const alive = Symbol('alive')
        const exit = await Promise.race([
          this.process.exited,
          Promise.resolve(alive),
        ])
        // A request that hangs is a finding, and not the end of a process.
        if (exit === alive) throw error
        return undefined
      })
    this.#readLines()
    if (line === undefined) return { how: 'dead' }
    const { value, error } = JSON.parse(line) as {
      value?: unknown
      error?: string
    }
    if (error !== undefined) return { how: 'failed', error }
    return { how: 'done', value }
  }

  #readLines(): void {
    const { lines } = this.process
    while (this.#read < lines.length) {
      const event = JSON.parse(lines[this.#read++]!) as WorkerEvent
      if ('dies' in event) this.diedAt = event.dies
      this.#onEvent(event)
    }
  }
}
