import { agentScripts } from '@pikku/redis-core'
import type { AgentContext } from './agent-context.js'
import { texts } from './thread-store.js'

/** Places of the index that one call looks at. */
const CHUNK = 1_000

/**
 * Brings the indexes up to what others wrote: 0.12, which deletes threads, and
 * applications, which had to write them by hand. That there is something to do
 * shows in counts, which every filtered page compares.
 *
 * Any number of processes can adopt at once, and one can be interrupted: each
 * thread is one script, which writes what follows from what is stored.
 */
export class ThreadAdopter {
  readonly #context: AgentContext

  constructor(context: AgentContext) {
    this.#context = context
  }

  /**
   * What others changed since the last page: it has the newest times, so it ends
   * where nothing differs any more, unless some were added or deleted below.
   */
  async adoptNewest(): Promise<void> {
    await this.#adoptThreads((code) => code !== 'more')
  }

  /** Every thread that is stored otherwise than the indexes say. */
  async adoptAll(): Promise<void> {
    await this.#adoptThreads((code) => code === 'end')
  }

  async #adoptThreads(
    isLast: (code: 'more' | 'end' | 'same') => boolean
  ): Promise<void> {
    const { runner, keys } = this.#context
    const { threads, listed } = keys
    for (let from = 0; ; from += CHUNK) {
      const { code, detail } = await runner.run(agentScripts.findUnlisted, {
        keys: { threads, listed },
        args: { from, count: CHUNK },
      })
      await this.adopt([...new Set(detail)])
      if (isLast(code)) return
    }
  }

  /** Every thread in the agent's set. */
  async adoptAgent(agentName: string): Promise<void> {
    const { runner, keys } = this.#context
    const set = keys.agentThreadsKey(agentName)
    const ids = texts(await runner.send('SMEMBERS', set))
    for (let i = 0; i < ids.length; i += CHUNK) {
      await this.adopt(ids.slice(i, i + CHUNK), agentName)
    }
    await runner.run(agentScripts.adoptAgent, {
      keys: { agents: keys.agents },
      args: { agentName, count: ids.length },
    })
  }

  /** @param agentName An agent whose set has all of these threads. */
  async adopt(ids: readonly string[], agentName = ''): Promise<void> {
    const { runner, keys } = this.#context
    const agents = agentName === '' ? await this.#agentsOf(ids) : []
    await Promise.all(
      ids.map((threadId, i) =>
        runner.run(agentScripts.adoptThread, {
          keys: {
            ...keys.threadScriptKeys(threadId),
            messageIds: keys.messageIdsKey(threadId),
            memory: keys.threadMemoryKey(threadId),
          },
          args: { threadId, agentName },
          rest: agents[i] ?? [],
        })
      )
    )
  }

  /** The agents that have a run in each of the threads. */
  async #agentsOf(ids: readonly string[]): Promise<string[][]> {
    const { runner, keys } = this.#context
    const runs = (
      await runner.sendAll(
        ids.map((id) => ['ZRANGE', keys.threadRunsKey(id), '0', '-1'] as const)
      )
    ).map(texts)
    const names = await runner.sendAll(
      runs.flat().map((run) => ['HGET', keys.runKey(run), 'agentName'] as const)
    )
    let next = 0
    return runs.map((ofThread) => [
      ...new Set(texts(names.slice(next, (next += ofThread.length)))),
    ])
  }
}
