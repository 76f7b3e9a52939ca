import {
  advanceCall,
  enterCall,
  type KeySchema,
  type Outcome,
  randomToken,
  type RedisLease,
  runScripts,
  type ScriptRunner,
  type TransitionCall,
  transitions,
} from '@pikku/redis-core'
import { HeldRun } from './held-run.js'
import type { RunFences } from './run-fences.js'

/** A transition of a first attempt, made as it was asked for. */
const MADE: Outcome<string> = { code: 'ok', detail: ['1'] }

/**
 * Writes to runs: one call of one script each. Inside a run's own lock, writes
 * that nobody acts on yet may wait for the next one that somebody does, and
 * leave in one call with it; outside, a write is acknowledged when its promise
 * is fulfilled.
 */
export class RunWriter {
  readonly #runner: ScriptRunner
  readonly #keys: KeySchema
  readonly #fences: RunFences
  readonly #pipelining: boolean

  constructor(
    runner: ScriptRunner,
    keys: KeySchema,
    fences: RunFences,
    pipelining: boolean
  ) {
    this.#runner = runner
    this.#keys = keys
    this.#fences = fences
    this.#pipelining = pipelining
  }

  /** The run in the hands of whoever got the lease. */
  hold(runId: string, lease: RedisLease): HeldRun {
    const runKeys = this.#keys.runScriptKeys(runId)
    return new HeldRun(lease, (calls) =>
      this.#send(runId, lease.token, calls, runKeys)
    )
  }

  /** Makes a transition, and waits until it and all earlier ones are made. */
  async write(runId: string, call: TransitionCall): Promise<Outcome<string>> {
    const fences = this.#fences
    const hold = fences.heldRun(runId)
    if (hold === undefined) {
      const [outcome] = await this.#send(runId, fences.tokenOf(runId), [call])
      return outcome!
    }
    return await fences.guard(runId, async () => {
      await fences.settle(hold)
      if (hold.stopped !== undefined) throw hold.stopped
      if (hold.open) return await hold.push(call)
      // It was closed meanwhile: who lost the lock is refused all the same.
      const [outcome] = await this.#send(runId, fences.tokenOf(runId), [call])
      return outcome!
    })
  }

  /**
   * Makes a transition that nobody acts on yet.
   *
   * @param settle Told of its outcome, at the latest when a later call waits.
   */
  async defer(
    runId: string,
    call: TransitionCall,
    settle: (outcome: Outcome<string>) => void
  ): Promise<void> {
    const held = this.#fences.heldRun(runId)
    if (isLeft(held) && call.transition === transitions.succeedStep) {
      // What has run must not run again as the same attempt.
      const fence = this.#fences.tokenOf(runId)
      const [outcome] = await this.#send(runId, fence, [call])
      return settle(outcome!)
    }
    const hold = this.#pipelining ? held : undefined
    if (hold === undefined) return settle(await this.write(runId, call))
    await this.#fences.guard(runId, () =>
      hold.defer(call, settle, (error) => this.#fences.failed(error))
    )
  }

  /**
   * Whether the run has no such step, as far as its driver has to know; from
   * then on it has one.
   */
  isNew(runId: string, stepName: string): boolean {
    const hold = this.#pipelining ? this.#fences.heldRun(runId) : undefined
    const known = hold?.known
    if (known === undefined || known.has(stepName)) return false
    known.add(stepName)
    return true
  }

  async #send(
    runId: string,
    fence: string,
    calls: TransitionCall[],
    runKeys = this.#keys.runScriptKeys(runId)
  ): Promise<Outcome<string>[]> {
    const operation = randomToken()
    const enter = enterCall(this.#keys, runId, fence, calls, runKeys)
    if (enter) {
      const call = { ...enter, operation }
      const made = await this.#runner.run(runScripts.enterStep, call)
      if (made > 0) return calls.map(() => MADE)
    }
    const outcomes = await this.#runner.run(runScripts.advanceRun, {
      ...advanceCall(this.#keys, runId, fence, calls, runKeys),
      operation,
    })
    return Array.isArray(outcomes) ? outcomes : calls.map(() => outcomes)
  }
}

/** Whether the body goes on no more, and was left or will be replayed. */
function isLeft(hold: HeldRun | undefined): boolean {
  return hold?.stopped !== undefined
}
