import type { JobOptions, QueueService } from '@pikku/core/queue'
import type { StepState } from '@pikku/core/workflow'
import type { RedisWorkflowServiceOptions } from '@pikku/redis'
import { expect } from 'vitest'
import {
  type Client,
  openService,
  type Service,
  testPrefix,
} from '../clients.js'
import { Application, type Message } from './application.js'

export type { Rpc, StepWire } from './application.js'

export interface Job extends Message {
  attemptsMade: number
}

/** A queue inside this process. Nothing runs before somebody takes a job. */
export class TestQueue implements QueueService {
  readonly supportsResults = false
  readonly jobs: Job[] = []
  /** What `add()` throws while it is set. */
  failure: Error | undefined

  async add<T>(queueName: string, data: T, options?: JobOptions) {
    if (this.failure) throw this.failure
    return this.put(queueName, data, options)
  }

  put(queueName: string, data: unknown, options: JobOptions = {}): string {
    const copy = JSON.parse(JSON.stringify(data)) as Job['data']
    this.jobs.push({ queueName, data: copy, options, attemptsMade: 0 })
    return `job-${this.jobs.length}`
  }

  async getJob() {
    return null
  }

  /** The job that is due first; of equals, the one that was added first. */
  take(): Job | undefined {
    const delay = ({ options }: Job) => options.delay ?? 0
    const [first] = this.jobs.toSorted((a, b) => delay(a) - delay(b))
    if (first) this.jobs.splice(this.jobs.indexOf(first), 1)
    return first
  }
}

export interface HarnessOptions {
  /** Whether the singleton services bring a queue. */
  queue?: boolean
  service?: RedisWorkflowServiceOptions
  /** @default the Redis of this run */
  url?: string
}

/** An application in this process, and what a test does with it and asks. */
export class EngineHarness extends Application {
  readonly queue = new TestQueue()
  /** What jobs ended with that the queue then tried again, or gave up. */
  readonly jobErrors: string[] = []
  readonly warnings: string[] = []
  readonly infos: string[] = []
  service!: Service
  readonly #client: Client
  readonly #url: string | undefined
  readonly prefix = testPrefix()
  readonly #opened: Service[] = []

  private constructor(client: Client, url: string | undefined) {
    super()
    this.#client = client
    this.#url = url
  }

  static async open(
    client: Client,
    { queue = false, service, url }: HarnessOptions = {}
  ): Promise<EngineHarness> {
    const harness = new EngineHarness(client, url)
    harness.serve({
      warn: (message) => harness.warnings.push(message),
      info: (message) => harness.infos.push(message),
      queue: queue ? harness.queue : undefined,
      schedule: (delay, name, data) => harness.queue.put(name, data, { delay }),
    })
    harness.service = await harness.another(service)
    return harness
  }

  /** One more service on the same keys, as another process would have it. */
  async another(options?: RedisWorkflowServiceOptions): Promise<Service> {
    const service = await openService(
      this.#client,
      {
        keyPrefix: this.prefix,
        lock: { retries: 2, retryDelayMs: 20 },
        ...options,
      },
      this.#url
    )
    this.#opened.push(service)
    return service
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((service) => service.close()))
  }

  // What a test does.

  async start(name: string, input: unknown = {}): Promise<string> {
    const wire = { type: 'test' }
    const { service, rpc } = this
    const { runId } = await service.startWorkflow(name, input, wire, rpc)
    return runId
  }

  /** Starts a run, whose driving is expected to fail. */
  async startFailing(name: string, input: unknown = {}): Promise<string> {
    let runId = ''
    const onRunCreated = (id: string) => {
      runId = id
    }
    const { service, rpc } = this
    const started = service.startWorkflow(name, input, { type: 'test' }, rpc, {
      onRunCreated,
    })
    await expect(started).rejects.toThrow()
    return runId
  }

  /** Runs jobs until none is left; a failed one again, as often as it says. */
  async drain(service: Service = this.service): Promise<void> {
    for (let job = this.queue.take(); job; job = this.queue.take()) {
      await this.runJob(job, service)
    }
  }

  async runJob(job: Job, service: Service = this.service): Promise<void> {
    job.attemptsMade += 1
    try {
      await this.deliver(job, service)
    } catch (error) {
      this.jobErrors.push((error as Error).message)
      if (job.attemptsMade < (job.options.attempts ?? 1)) {
        this.queue.jobs.push(job)
      }
    }
  }

  // What a test asks.

  async run(runId: string) {
    const run = await this.service.getRun(runId)
    if (!run) throw new Error(`No run '${runId}'`)
    return run
  }

  /** The history, shortened to what a test compares. */
  async history(runId: string): Promise<Entry[]> {
    const history = await this.service.getRunHistory(runId)
    return history.map(({ stepName, status, attemptCount, result, error }) => ({
      stepName,
      status,
      attemptCount,
      result,
      error: error?.message,
    }))
  }

  /** How often each function was called. */
  count(name: string): number {
    return this.calls.filter(([called]) => called === name).length
  }
}

export interface Entry extends Pick<
  StepState,
  'status' | 'attemptCount' | 'result'
> {
  stepName: string
  error: string | undefined
}

/** An entry of the history for a step that succeeded at its first attempt. */
export function done(stepName: string, result: unknown = null): Entry {
  return {
    stepName,
    status: 'succeeded',
    attemptCount: 1,
    result,
    error: undefined,
  }
}
