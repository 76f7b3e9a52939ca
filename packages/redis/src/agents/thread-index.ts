import {
  type AgentRunService,
  type AgentThread,
  isOwnedByPrincipal,
} from '@pikku/core/agent'
import { agentScripts, RedisArgumentError } from '@pikku/redis-core'
import { type AgentContext, wholeArgument } from './agent-context.js'
import { ThreadAdopter } from './thread-adopter.js'
import { threadFromReply } from './thread-store.js'

export type ListThreadsOptions = NonNullable<
  Parameters<AgentRunService['listThreads']>[0]
>

/** A page asked for, checked. */
interface Page {
  agentName: string
  filter: 'all' | 'resource' | 'owners'
  names: readonly string[]
  offset: number
  limit: number
}

const LARGEST_PAGE = 10_000
const NOBODYS = { agentName: '', offset: 0, limit: 1 }

/** How often a page is read anew because threads came or went meanwhile. */
const TRIES = 5

/**
 * The indexes of threads. Scripts move a thread in them together with its
 * change, so a page is a read of one range, then of the threads in it. What
 * somebody wrote who does not know the indexes is adopted before a filtered
 * page is given: see {@link ThreadAdopter}.
 */
export class ThreadIndex {
  readonly #context: AgentContext
  readonly #adopter: ThreadAdopter

  constructor(context: AgentContext) {
    this.#context = context
    this.#adopter = new ThreadAdopter(context)
  }

  /** @throws RedisArgumentError for a limit, offset or filter that is none. */
  async page(options: ListThreadsOptions = {}): Promise<AgentThread[]> {
    const page = pageOf(options)
    return page ? this.#read(page) : []
  }

  /** All threads of one resource, newest first. */
  async allOf(resourceId: string): Promise<AgentThread[]> {
    const threads: AgentThread[] = []
    for (;;) {
      const page = await this.page({
        resourceId,
        limit: LARGEST_PAGE,
        offset: threads.length,
      })
      threads.push(...page)
      if (page.length < LARGEST_PAGE) return threads
    }
  }

  /** Looks at all threads: for what others changed and no count shows. */
  async reindex(): Promise<void> {
    await this.#adopter.adoptAll()
    for (const name of await this.agentNames()) {
      await this.#adopter.adoptAgent(name)
    }
  }

  /** The agents that have a thread. */
  async agentNames(): Promise<string[]> {
    const { runner, keys } = this.#context
    // Nobody's page: it only makes sure that all threads are in the indexes.
    await this.#ids({ ...NOBODYS, filter: 'owners', names: [] })
    const reply = await runner.send('HKEYS', keys.agents)
    const names = Array.isArray(reply) ? reply.map(String) : []
    // 0.12 takes threads from a set without counting them.
    const sizes = await runner.sendAll(
      names.map((name) => ['SCARD', keys.agentThreadsKey(name)] as const)
    )
    return names.filter((_, i) => Number(sizes[i]) > 0).toSorted()
  }

  async #read(page: Page): Promise<AgentThread[]> {
    const { runner, keys } = this.#context
    for (let tried = 1; ; tried++) {
      const ids = await this.#ids(page)
      const replies = await runner.sendAll(
        ids.map((id) => ['HGETALL', keys.threadKey(id)] as const)
      )
      const threads = ids.map((id, i) =>
        threadFromReply(replies[i], keys.threadKey(id))
      )
      const wrong = ids.filter((_, i) => !belongs(threads[i] ?? null, page))
      if (wrong.length > 0 && tried < TRIES) {
        await this.#adopter.adopt(wrong)
        continue
      }
      // Whatever the index says: only what the thread itself says is given.
      return threads.filter((thread) => belongs(thread, page))
    }
  }

  async #ids({
    agentName,
    filter,
    names,
    offset,
    limit,
  }: Page): Promise<string[]> {
    const { runner, keys } = this.#context
    const { threads, listed, byOwner, byAgent, agents } = keys
    const agentThreads = agentName ? keys.agentThreadsKey(agentName) : threads
    const adopted = new Set<string>()
    for (;;) {
      const { code, detail } = await runner.run(agentScripts.listThreads, {
        keys: { threads, listed, byOwner, byAgent, agents, agentThreads },
        args: { agentName, filter, offset, limit, known: [...adopted].join() },
        rest: names,
      })
      if (code === 'ok') return [...detail]
      if (code === 'unlisted') await this.#adopter.adoptNewest()
      else await this.#adopter.adoptAgent(agentName)
      // What is still missing is half written: the next page looks again.
      adopted.add(code)
    }
  }
}

/** Undefined for a page that is empty, whatever is stored. */
function pageOf({
  agentName = '',
  resourceId = '',
  owners,
  limit = 50,
  offset = 0,
}: ListThreadsOptions): Page | undefined {
  wholeArgument('limit', limit, LARGEST_PAGE)
  wholeArgument('offset', offset, Number.MAX_SAFE_INTEGER)
  text('agentName', agentName)
  text('resourceId', resourceId)
  if (owners !== undefined && !Array.isArray(owners)) {
    throw new RedisArgumentError('owners must be a list of principals')
  }
  owners?.forEach((owner) => text('An owner', owner))
  if (limit === 0) return undefined
  const page = { agentName, offset, limit }
  const named = owners?.filter((owner) => owner !== '')
  if (resourceId) {
    return !named ||
      named.some((owner) => isOwnedByPrincipal(resourceId, owner))
      ? { ...page, filter: 'resource', names: [resourceId] }
      : undefined
  }
  if (!named) return { ...page, filter: 'all', names: [] }
  // What is under another owner of the list would be found twice.
  const names = [...new Set(named)].filter(
    (name) =>
      !named.some((other) => other !== name && isOwnedByPrincipal(name, other))
  )
  return names.length > 0 ? { ...page, filter: 'owners', names } : undefined
}

function belongs(
  thread: AgentThread | null,
  { filter, names }: Page
): thread is AgentThread {
  if (!thread) return false
  if (filter === 'all') return true
  return names.some((name) =>
    filter === 'resource'
      ? thread.resourceId === name
      : isOwnedByPrincipal(thread.resourceId, name)
  )
}

function text(what: string, value: unknown): void {
  if (typeof value === 'string' && value.isWellFormed()) return
  throw new RedisArgumentError(`${what} must be text, not ${String(value)}`)
}
