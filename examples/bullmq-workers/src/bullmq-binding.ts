import type { JobOptions, QueueService } from '@pikku/core/queue'
import {
  type ConnectionOptions,
  type JobsOptions,
  Queue,
  Worker,
  type WorkerOptions,
} from 'bullmq'

/** What the engine puts into a message; each queue uses some of it. */
export interface Message {
  readonly runId: string
  readonly stepId: string
  readonly stepName: string
  readonly rpcName: string
  readonly data: unknown
}

export const ORCHESTRATOR = 'pikku-workflow-orchestrator'
export const STEP_WORKER = 'pikku-workflow-step-worker'
export const SLEEPER = 'pikkuWorkflowSleeper'

/**
 * Pikku's `QueueService` and the part of its `SchedulerService` that workflows
 * need, on BullMQ. With a @pikku/core that is new enough, @pikku/queue-bullmq
 * is the package to use in place of this file.
 */
export class BullQueues implements QueueService {
  readonly supportsResults = false
  readonly #connection: ConnectionOptions
  readonly #prefix: string
  readonly #queues = new Map<string, Queue>()
  readonly #workers: Worker[] = []

  constructor(connection: ConnectionOptions, prefix: string) {
    this.#connection = connection
    this.#prefix = prefix
  }

  async add<T>(
    queueName: string,
    data: T,
    options: JobOptions = {}
  ): Promise<string> {
    const { attempts = 1, delay } = options
    const jobOptions: JobsOptions = {
      attempts,
      backoff: backoffOf(options),
      removeOnComplete: true,
      removeOnFail: 1_000,
      ...(delay !== undefined && { delay }),
    }
    const job = await this.#queue(queueName).add(queueName, data, jobOptions)
    return String(job.id)
  }

  async getJob(): Promise<null> {
    return null
  }

  /** @param delay In ms, or as '5s', '10m', '2h', '1d'. */
  async scheduleRPC(
    delay: number | string,
    rpcName: string,
    data?: unknown
  ): Promise<string> {
    // The message ends a sleep: it may be tried for as long as that takes.
    return this.add(rpcName, data, { delay: toMs(delay), attempts: 20 })
  }

  /** Starts a worker of this process. */
  work(
    queueName: string,
    run: (message: Message) => Promise<void>,
    options: Partial<WorkerOptions>
  ): void {
    const worker = new Worker<Message>(queueName, (job) => run(job.data), {
      connection: this.#connection,
      prefix: this.#prefix,
      // A message whose worker died comes again however often that happens:
      // given up, it would leave its step 'scheduled' for ever.
      maxStalledCount: 1_000_000,
      ...options,
    })
    worker.on('error', (error) => console.error(error.message))
    this.#workers.push(worker)
  }

  /** Takes no more messages, and waits for those in hand. */
  async stopWorking(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()))
  }

  #queue(name: string): Queue {
    let queue = this.#queues.get(name)
    if (!queue) {
      queue = new Queue(name, {
        connection: this.#connection,
        prefix: this.#prefix,
      })
      queue.on('error', (error) => console.error(error.message))
      this.#queues.set(name, queue)
    }
    return queue
  }
}

function backoffOf({ backoff }: JobOptions): { type: string; delay: number } {
  if (typeof backoff === 'object') return { delay: 100, ...backoff }
  return { type: backoff ?? 'fixed', delay: 100 }
}

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function toMs(delay: number | string): number {
  if (typeof delay === 'number') return delay
  const [, amount, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(delay) ?? []
  if (amount === undefined) throw new Error(`'${delay}' is not a duration`)
  return Number(amount) * UNITS[unit as keyof typeof UNITS]
}
