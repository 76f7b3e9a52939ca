import type {
  RedisAgentRunService,
  RedisAgentStorageService,
} from '@pikku/redis'
import { AgentKeys } from '@pikku/redis-core'
import type { RawRedis } from '@pikku/redis-testing'
import { type Client, connectionOf, openRaw, testPrefix } from '../clients.js'
import { CountedAdapter } from '../workflow/counted-adapter.js'

/** Both services on one prefix, and what looks past them. */
export class AgentsHarness {
  readonly storage: RedisAgentStorageService
  readonly runs: RedisAgentRunService
  readonly adapter: CountedAdapter
  readonly keys: AgentKeys
  readonly raw: RawRedis

  private constructor(
    readonly client: Client,
    readonly keyPrefix: string,
    raw: RawRedis
  ) {
    const owner = new client.entry.RedisAgentStorageService(
      connectionOf(client),
      { keyPrefix }
    )
    this.storage = owner
    this.adapter = new CountedAdapter(owner.adapter)
    this.runs = new client.entry.RedisAgentRunService(this.adapter, keyPrefix)
    this.keys = new AgentKeys(keyPrefix, owner.adapter.topology)
    this.raw = raw
  }

  static async open(client: Client): Promise<AgentsHarness> {
    const raw = await openRaw()
    const harness = new AgentsHarness(client, testPrefix('agents'), raw)
    await harness.storage.init()
    await harness.runs.init()
    return harness
  }

  async close(): Promise<void> {
    await this.runs.close()
    await this.storage.close()
    await this.raw.close()
  }

  /** A storage service that counts its round trips. */
  counted(): RedisAgentStorageService {
    const { client, adapter, keyPrefix } = this
    return new client.entry.RedisAgentStorageService(adapter, { keyPrefix })
  }

  /** Threads of one resource, each a moment younger than the one before. */
  async threads(resourceId: string, ...threadIds: string[]): Promise<void> {
    for (const threadId of threadIds) {
      await this.storage.createThread(resourceId, { threadId })
      await this.nextMillisecond()
    }
  }

  /** Once the server's clock has moved: times of changes are in ms. */
  async nextMillisecond(): Promise<void> {
    const start = await this.#now()
    while ((await this.#now()) === start);
  }

  async #now(): Promise<number> {
    const time = (await this.raw.command('TIME')) as string[]
    return Number(time[0]) * 1_000 + Math.floor(Number(time[1]) / 1_000)
  }

  async createRun(
    threadId: string,
    more: Partial<Parameters<RedisAgentStorageService['createRun']>[0]> = {}
  ): Promise<string> {
    const now = new Date()
    return this.storage.createRun({
      agentName: 'agent',
      threadId,
      resourceId: 'r',
      status: 'running',
      usage: { inputTokens: 1, outputTokens: 2, model: 'm' },
      createdAt: now,
      updatedAt: now,
      ...more,
    })
  }

  async ids(
    options?: Parameters<RedisAgentRunService['listThreads']>[0]
  ): Promise<string[]> {
    return (await this.runs.listThreads(options)).map(({ id }) => id)
  }

  /** Every key of the prefix. */
  async everything(): Promise<string[]> {
    const found = await this.raw.command('KEYS', `*${this.keyPrefix}*`)
    return (found as string[]).toSorted()
  }
}

export const HOSTILE = [
  'a:b',
  '*',
  '[x]',
  '{tag}',
  'with space',
  '🦆',
  '__proto__',
  'nul\0nul\0\0end',
  '\n{"json"',
  'x'.repeat(4_096),
]

export const approval = (toolCallId: string, args: unknown = {}) => ({
  type: 'tool-call' as const,
  toolCallId,
  toolName: 'tool',
  args,
})

export const message = (id: string, ms: number, content = id) => ({
  id,
  role: 'user' as const,
  content,
  createdAt: new Date(ms),
})
