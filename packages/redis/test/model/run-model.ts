/** A step's attempt, as far as the model and the store can be compared. */
export interface ModelAttempt {
  stepName: string
  status: 'pending' | 'scheduled' | 'running' | 'succeeded' | 'failed'
  attemptCount: number
  result: unknown
  error: string | undefined
  childRunId: string | undefined
}

/** What a command says: how it ended, and what it gave. */
export type Answer = string | null

/**
 * A run as it should be, in the plainest way: what each transition does, and
 * what it answers, with nothing going on beside it.
 */
export class RunModel {
  status = 'running'
  output: unknown = undefined
  error: string | undefined
  readonly state = new Map<string, unknown>()
  /** Every attempt of every step, in the order in which they began. */
  readonly history: ModelAttempt[] = []

  clone(): RunModel {
    const copy = new RunModel()
    const { status, output, error } = this
    Object.assign(copy, { status, output, error })
    for (const [name, value] of this.state) copy.state.set(name, value)
    copy.history.push(...this.history.map((attempt) => ({ ...attempt })))
    return copy
  }

  step(stepName: string): ModelAttempt | undefined {
    return this.history.findLast((attempt) => attempt.stepName === stepName)
  }

  insert(stepName: string): Answer {
    const step = this.step(stepName) ?? this.#begin(stepName, 1, 'pending')
    return answerOf(step)
  }

  schedule(stepName: string): Answer {
    return this.#transition(stepName, (step) => {
      if (step.status === 'pending') step.status = 'scheduled'
    })
  }

  start(stepName: string): Answer {
    return this.#transition(stepName, (step) => {
      if (step.status === 'succeeded') return
      Object.assign(step, { status: 'running', error: undefined })
    })
  }

  succeed(stepName: string, result: unknown): Answer {
    return this.#transition(stepName, (step) => {
      if (step.status === 'succeeded') return
      Object.assign(step, { status: 'succeeded', result, error: undefined })
    })
  }

  fail(stepName: string, error: string): Answer {
    return this.#transition(stepName, (step) => {
      if (step.status === 'succeeded' || step.status === 'failed') return
      Object.assign(step, { status: 'failed', error })
    })
  }

  linkChild(stepName: string, childRunId: string): Answer {
    return this.#transition(stepName, (step) => {
      step.childRunId = childRunId
    })
  }

  retry(stepName: string, status: 'pending' | 'running'): Answer {
    const step = this.step(stepName)
    if (!step) return 'RedisStepNotFoundError'
    if (step.status !== 'failed') return 'RedisStepConflictError'
    return answerOf(this.#begin(stepName, step.attemptCount + 1, status))
  }

  claim(stepName: string): Answer {
    const step = this.step(stepName)
    if (!step) return 'RedisStepNotFoundError'
    if (step.status === 'succeeded' || step.status === 'running') return null
    if (step.status === 'failed') {
      return answerOf(this.#begin(stepName, step.attemptCount + 1, 'running'))
    }
    step.status = 'running'
    return answerOf(step)
  }

  setState(name: string, value: unknown): Answer {
    this.state.set(name, value)
    return 'ok'
  }

  updateStatus(status: string, output: unknown, error?: string): Answer {
    if (['completed', 'failed', 'cancelled'].includes(this.status)) return 'ok'
    this.status = status
    if (output !== undefined) this.output = output
    this.error = error
    return 'ok'
  }

  #transition(stepName: string, change: (step: ModelAttempt) => void): Answer {
    const step = this.step(stepName)
    if (!step) return 'RedisStepNotFoundError'
    change(step)
    return 'ok'
  }

  #begin(
    stepName: string,
    attemptCount: number,
    status: ModelAttempt['status']
  ): ModelAttempt {
    const nothing = {
      result: undefined,
      error: undefined,
      childRunId: undefined,
    }
    const attempt = { stepName, status, attemptCount, ...nothing }
    this.history.push(attempt)
    return attempt
  }
}

/** A step that a command gives back, in one line. */
export function answerOf({
  status,
  attemptCount,
}: Pick<ModelAttempt, 'status' | 'attemptCount'>): string {
  return `${status} ${attemptCount}`
}
