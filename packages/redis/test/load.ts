import { RedisError } from '@pikku/redis'
import { expect, vi } from 'vitest'
import type { Service } from './clients.js'

/** A result that its caller was told is recorded, and when. */
export interface Confirmed {
  readonly runId: string
  readonly result: string
  readonly at: number
}

const LANES = 8
const WIRE = { type: 'test' }
/** How many calls one round of a lane makes. */
const CALLS = 4

/** Results that are recorded without a pause, and what became of the calls. */
export class Load {
  /** What was recorded, as far as the caller was told. */
  readonly confirmed: Confirmed[] = []
  readonly errors: unknown[] = []
  slowestMs = 0
  readonly #service: Service
  readonly #over = new AbortController()
  readonly #lanes: Array<Promise<void>>

  constructor(service: Service) {
    this.#service = service
    this.#lanes = Array.from({ length: LANES }, (_, lane) => this.#work(lane))
  }

  /** Waits until so many more results were recorded. */
  async progress(count: number, deadlineMs = 30_000): Promise<void> {
    const before = this.confirmed.length
    await vi.waitUntil(
      () => this.confirmed.length >= before + count,
      deadlineMs
    )
  }

  async stop(): Promise<void> {
    this.#over.abort()
    await Promise.all(this.#lanes)
  }

  /** Every call ended in time, well or in a named error; nothing is lost. */
  async expectKept(callTimeoutMs: number): Promise<void> {
    this.expectEnded(callTimeoutMs)
    expect(await this.lost()).toEqual([])
  }

  expectEnded(callTimeoutMs: number): void {
    expect(this.errors.filter((e) => !(e instanceof RedisError))).toEqual([])
    expect(this.slowestMs).toBeLessThan(CALLS * callTimeoutMs + 1_000)
  }

  /** What was confirmed and is not there any more. */
  async lost(): Promise<Confirmed[]> {
    const lost: Confirmed[] = []
    for (const each of this.confirmed) {
      const steps = await this.#service.getRunHistory(each.runId)
      if (steps[0]?.result !== each.result) lost.push(each)
    }
    return lost
  }

  summary(): string {
    const { confirmed, errors, slowestMs } = this
    return (
      `${confirmed.length} results confirmed, ` +
      `${errors.length} calls ended in a named error, ` +
      `the slowest ${CALLS} took ${Math.round(slowestMs)} ms`
    )
  }

  async #work(lane: number): Promise<void> {
    for (let n = 0; !this.#over.signal.aborted; n++) {
      const startedAt = performance.now()
      try {
        const { runId, stepId } = await runningStep(this.#service)
        const result = `${lane} ${n}`
        await this.#service.setStepResult(stepId, result)
        this.confirmed.push({ runId, result, at: performance.now() })
      } catch (error) {
        this.errors.push(error)
      }
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt)
    }
  }
}

/** A run with one step, that runs. */
export async function runningStep(service: Service) {
  const runId = await service.createRun('wf', {}, false, 'h', WIRE)
  const { stepId } = await service.insertStepState(runId, 's', 'rpc', {})
  await service.setStepRunning(stepId)
  return { runId, stepId }
}
