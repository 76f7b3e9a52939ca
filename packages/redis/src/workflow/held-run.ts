import { setImmediate } from 'node:timers/promises'
import {
  type Outcome,
  type RedisLease,
  type runScripts,
  type TransitionCall,
  transitions,
} from '@pikku/redis-core'
import { isOutage } from './outage.js'

/** Of one call of the script: a longer one would keep other clients waiting. */
const MOST_AT_ONCE = 64
/** Characters in one call, unless a single value is larger. */
const LARGEST_BATCH = 1_000_000
/** Characters that may wait while the body goes on. */
const LARGEST_BACKLOG = 4_000_000
/** About what a transition takes beside its arguments. */
const OVERHEAD = 200

/** A run and the beginning of its history, of so many attempts at most. */
export type FirstRead = runScripts.RunRead & { readonly limit: number }

interface Waiting {
  readonly call: TransitionCall
  readonly size: number
  readonly resolve: (outcome: Outcome<string>) => void
  readonly reject: (error: unknown) => void
}

/**
 * A run's lock in the hands of one asynchronous context, and the writes to the
 * run that this context makes.
 *
 * Concurrency: writes leave in the order in which they were made, one call of
 * the script at a time; what is written while a call is under way goes along in
 * the next one, as do writes of parallel branches. A call leaves when the
 * microtasks that are due have run, before the event loop turns: whatever the
 * engine does between two of its waits for the world outside is one call.
 *
 * Crash: a write that was deferred is lost if the process dies before it is
 * sent or before Redis has it, exactly as a write that is awaited would be.
 * Nothing has followed it: see docs/durability.md.
 */
export class HeldRun {
  readonly lease: RedisLease
  /** Why this context may do nothing more for the run. */
  stopped: Error | undefined
  /** Whether this context recorded how the run ended. */
  ended = false
  /** The names of all steps, once the body's replay has read them. */
  known: Set<string> | undefined
  /** Whether others may have added steps: then nothing is taken for known. */
  asksForSteps = false
  /** The note that the run has to be driven, as this driver found or made it. */
  woken: string | undefined
  /** What was read along with the lock, for the replay. */
  first: FirstRead | undefined
  /** The run as it was read along with its steps, for whoever asks first. */
  readAhead: ReadonlyMap<string, string> | undefined
  readonly #send: (calls: TransitionCall[]) => Promise<Outcome<string>[]>
  readonly #waiting: Waiting[] = []
  #backlog = 0
  #last: Promise<unknown> | undefined
  #isFlushing = false
  /** What a deferred transition failed with, and of which step it was. */
  #failure: unknown
  #failedStep: string | undefined
  #closed = false
  /** Child runs that steps of this context are linked to. */
  readonly #children = new Set<string>()
  /** How many steps and calls of this context have not ended yet. */
  #busy = 0
  /** How many steps and calls there were. */
  #callsMade = 0
  #maybeAtRest = Promise.withResolvers<void>()

  /** @param send Makes transitions of the run, with the lease's token. */
  constructor(
    lease: RedisLease,
    send: (calls: TransitionCall[]) => Promise<Outcome<string>[]>
  ) {
    this.lease = lease
    this.#send = send
  }

  /**
   * Whether writes still belong to the lock. What a body left running when it
   * returned (a branch beside one that failed) is outside again.
   */
  get open(): boolean {
    return !this.#closed && this.lease.state !== 'released'
  }

  /** Whether the body ended, and not the run: others drive that now. */
  get isLeft(): boolean {
    return this.#closed && !this.ended && this.stopped === undefined
  }

  /**
   * Makes a transition after all earlier ones, and waits for its outcome.
   *
   * @throws What stopped this context, or what a deferred one failed with.
   */
  async push(call: TransitionCall): Promise<Outcome<string>> {
    let outcome: Outcome<string>
    try {
      outcome = await this.#add(call)
    } catch (error) {
      // It says what has become of what was deferred for the same step, too.
      if (this.#failedStep === call.stepName) this.#failure = undefined
      throw error
    }
    if (this.stopped !== undefined) throw this.stopped
    this.#throwFailure()
    return outcome
  }

  /**
   * Makes a transition after all earlier ones, without waiting for it, unless
   * too much is under way.
   *
   * @param settle Told of its outcome. What this throws, or what keeps the
   *   transition from being made, is thrown by the next call that waits.
   */
  async defer(
    call: TransitionCall,
    settle: (outcome: Outcome<string>) => void,
    onFailure: (error: unknown) => void
  ): Promise<void> {
    const fail = (error: unknown) => {
      if (this.#failure === undefined) this.#failedStep = call.stepName
      this.#failure ??= error
      onFailure(error)
    }
    void this.#settleLater(this.#add(call), settle, fail)
    if (this.#backlog > LARGEST_BACKLOG) await this.settled()
  }

  /** @throws What a deferred transition failed with. */
  async settled(): Promise<void> {
    await this.acknowledged()
    this.#throwFailure()
  }

  /** Waits for what was written so far, whatever becomes of it. */
  async acknowledged(): Promise<void> {
    await this.#last
  }

  /**
   * A call of this context that reads or writes, or a whole step with all of its
   * attempts. Not told by what the step records: an engine that finds no
   * function for it records nothing.
   */
  async during<T>(call: () => Promise<T>): Promise<T> {
    this.#busy++
    this.#callsMade++
    try {
      return await call()
    } finally {
      this.#busy--
      this.#tellIfAtRest()
    }
  }

  /** A step of this context is in the hands of a child run. */
  link(childRunId: string): void {
    this.#children.add(childRunId)
  }

  /** Waits for a run. If it is a step's child, the step is at rest meanwhile. */
  async awaiting<T>(runId: string, wait: () => Promise<T>): Promise<T> {
    if (!this.#children.has(runId)) return wait()
    this.#busy--
    this.#tellIfAtRest()
    try {
      return await wait()
    } finally {
      this.#busy++
    }
  }

  /**
   * Waits until no branch of the body is in a step, or on its way from one to
   * the next: a body that waits in one branch leaves the others running, and
   * whoever drives the run next would run their steps a second time. Ends early
   * when the lock is lost or Redis fails: then others have to go on.
   *
   * A branch that waits for a child run or a timer is at rest. One that pauses
   * between two steps for something that is no step is not seen, and goes on
   * outside of the lock.
   */
  async comeToRest(): Promise<void> {
    const lost = new Promise<void>((resolve) => {
      this.lease.signal.addEventListener('abort', () => resolve())
    })
    while (this.lease.state === 'held' && !isOutage(this.stopped)) {
      if (this.#isBusy()) {
        await Promise.race([this.#maybeAtRest.promise, lost])
        continue
      }
      const before = this.#callsMade
      await setImmediate()
      if (!this.#isBusy() && this.#callsMade === before) return
    }
  }

  /** This context may do nothing more for the run. */
  stop(error: Error): void {
    this.stopped ??= error
    this.#wake()
  }

  /** Waits for everything; later writes are outside of the lock. */
  async close(): Promise<void> {
    this.#closed = true
    await this.settled()
  }

  #isBusy(): boolean {
    return this.#busy > 0 || this.#isFlushing
  }

  #tellIfAtRest(): void {
    if (!this.#isBusy()) this.#wake()
  }

  #wake(): void {
    this.#maybeAtRest.resolve()
    this.#maybeAtRest = Promise.withResolvers()
  }

  /** A failure is known before whoever waits for the same batch goes on. */
  async #settleLater(
    made: Promise<Outcome<string>>,
    settle: (outcome: Outcome<string>) => void,
    fail: (error: unknown) => void
  ): Promise<void> {
    try {
      settle(await made)
    } catch (error) {
      fail(error)
    }
  }

  #add(call: TransitionCall): Promise<Outcome<string>> {
    this.first = undefined
    this.readAhead = undefined
    const made = new Promise<Outcome<string>>((resolve, reject) => {
      const size = call.args.reduce((sum, arg) => sum + arg.length, OVERHEAD)
      this.#backlog += size
      this.#waiting.push({ call, size, resolve, reject })
      if (!this.#isFlushing) void this.#flush()
    })
    this.#last = made.catch(() => {})
    return made
  }

  /** Never rejects. */
  async #flush(): Promise<void> {
    this.#isFlushing = true
    for (;;) {
      // After the microtasks that are due: they may have more to send along.
      await new Promise<void>((resolve) => process.nextTick(resolve))
      const batch = this.#takeBatch()
      if (batch.length === 0) break
      await this.#sendBatch(batch)
      for (const { size } of batch) this.#backlog -= size
    }
    this.#isFlushing = false
    this.#tellIfAtRest()
  }

  async #sendBatch(batch: Waiting[]): Promise<void> {
    try {
      await this.#make(batch)
    } catch (error) {
      if (!isOutage(error)) return this.#sendBySteps(batch)
      // What was written behind it would leave a hole where this should be.
      batch.push(...this.#waiting.splice(0))
      for (const { reject } of batch) reject(error)
    }
  }

  /**
   * None of the batch was made. What is wrong with one step must not cost
   * another one its result; but behind it, none is started.
   */
  async #sendBySteps(batch: readonly Waiting[]): Promise<void> {
    let failure: unknown
    for (const part of partsOf(batch)) {
      try {
        const isResult = part.every(({ call }) => isResultOf(call))
        if (isOutage(failure) || (failure && !isResult)) throw failure
        await this.#make(part)
      } catch (error) {
        failure ??= error
        for (const { reject } of part) reject(error)
      }
    }
  }

  async #make(batch: readonly Waiting[]): Promise<void> {
    const outcomes = await this.#send(batch.map(({ call }) => call))
    for (const [i, { resolve }] of batch.entries()) resolve(outcomes[i]!)
  }

  #takeBatch(): Waiting[] {
    let count = 0
    for (let size = 0; count < MOST_AT_ONCE; count++) {
      const next = this.#waiting[count]
      if (next === undefined) break
      size += next.size
      if (count > 0 && size > LARGEST_BATCH) break
    }
    return this.#waiting.splice(0, count)
  }

  #throwFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }
}

function isResultOf({ transition }: TransitionCall): boolean {
  return transition === transitions.succeedStep
}

/** The same in parts, of one step each. */
function partsOf(batch: readonly Waiting[]): Waiting[][] {
  const parts: Waiting[][] = []
  for (const one of batch) {
    const last = parts.at(-1)
    if (last?.[0]?.call.stepName === one.call.stepName) last?.push(one)
    else parts.push([one])
  }
  return parts
}
