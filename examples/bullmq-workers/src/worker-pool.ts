import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ShopOptions } from './shop.ts'

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url))

/** Worker processes, each of which can be replaced by a new one. */
export class WorkerPool {
  readonly #options: ShopOptions
  readonly #workers: ChildProcess[] = []

  constructor(options: ShopOptions) {
    this.#options = options
  }

  get pids(): number[] {
    return this.#workers.map(({ pid }) => pid!)
  }

  async start(count: number): Promise<void> {
    const workers = Array.from({ length: count }, () => this.#fork())
    this.#workers.push(...workers)
    await Promise.all(workers.map((worker) => once(worker, 'message')))
  }

  /** Ends one worker, waits until it is gone, and starts another one. */
  async replace(
    position: number,
    signal: 'SIGTERM' | 'SIGKILL'
  ): Promise<void> {
    const worker = this.#workers[position]!
    await end(worker, signal)
    const next = this.#fork()
    this.#workers[position] = next
    await once(next, 'message')
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => end(worker, 'SIGTERM')))
  }

  #fork(): ChildProcess {
    return fork(WORKER, {
      env: { ...process.env, SHOP: JSON.stringify(this.#options) },
    })
  }
}

async function end(worker: ChildProcess, signal: NodeJS.Signals) {
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const gone = once(worker, 'exit')
  worker.kill(signal)
  await gone
}
