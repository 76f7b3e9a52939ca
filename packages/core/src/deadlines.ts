/** What a promise is rejected with whose deadline passed. */
export class DeadlinePassed extends Error {
  override name = 'DeadlinePassed'
}

interface Waiting {
  readonly deadline: number
  readonly expire: () => void
}

/**
 * Deadlines for any number of promises with one timer: a timer for each call
 * would cost more than the call. Times are those of `performance.now()`.
 *
 * The timer keeps the process alive while a promise is waiting and no longer:
 * somebody awaits it, and is owed an end.
 */
export class Deadlines {
  readonly #waiting = new Set<Waiting>()
  #timer: NodeJS.Timeout | undefined
  #firesAt = Number.POSITIVE_INFINITY

  /** The promise's own outcome, or `DeadlinePassed` if that comes too late. */
  race<T>(deadline: number, promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting: Waiting = {
        deadline,
        expire: () => reject(new DeadlinePassed()),
      }
      this.#add(waiting)
      const settled =
        <Outcome>(settle: (outcome: Outcome) => void) =>
        (outcome: Outcome): void => {
          this.#remove(waiting)
          settle(outcome)
        }
      void promise.then(settled(resolve), settled(reject))
    })
  }

  #add(waiting: Waiting): void {
    this.#waiting.add(waiting)
    if (waiting.deadline < this.#firesAt) this.#arm(waiting.deadline)
    else if (this.#waiting.size === 1) this.#timer?.ref()
  }

  #remove(waiting: Waiting): void {
    this.#waiting.delete(waiting)
    if (this.#waiting.size === 0) this.#timer?.unref()
  }

  #arm(at: number): void {
    clearTimeout(this.#timer)
    this.#firesAt = at
    const ms = Math.max(0, Math.ceil(at - performance.now()))
    this.#timer = setTimeout(() => this.#fire(), ms)
  }

  #fire(): void {
    this.#timer = undefined
    this.#firesAt = Number.POSITIVE_INFINITY
    const now = performance.now()
    let next = Number.POSITIVE_INFINITY
    for (const waiting of this.#waiting) {
      if (waiting.deadline > now) {
        next = Math.min(next, waiting.deadline)
        continue
      }
      this.#waiting.delete(waiting)
      waiting.expire()
    }
    if (this.#waiting.size > 0) this.#arm(next)
  }
}
