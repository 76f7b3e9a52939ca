import { type RawArgument, RawConnection } from './raw-connection.js'
import { RawReplyError, type RawReply } from './raw-reply.js'

/** What a test looks at a server or at a cluster with. */
export interface RawRedis {
  command(...args: RawArgument[]): Promise<RawReply>
  close(): Promise<void>
}

/** Commands about all keys: every master is asked. */
const EVERYWHERE = new Set(['KEYS', 'SCRIPT', 'FLUSHALL', 'DBSIZE'])

/** A connection to each master of a cluster, which goes where it is sent. */
export class RawCluster implements RawRedis {
  readonly #nodes = new Map<string, Promise<RawConnection>>()
  readonly #masters: readonly string[]

  private constructor(masters: readonly string[]) {
    this.#masters = masters
  }

  /** @param masters Their URLs. */
  static async open(masters: readonly string[]): Promise<RawCluster> {
    const cluster = new RawCluster(masters)
    await Promise.all(masters.map((url) => cluster.#node(url)))
    return cluster
  }

  /** Replies of a command about all keys are one list, or one sum. */
  async command(...args: RawArgument[]): Promise<RawReply> {
    if (!EVERYWHERE.has(String(args[0]))) {
      return this.#follow(this.#masters[0]!, args)
    }
    const replies = await Promise.all(
      this.#masters.map(async (url) => (await this.#node(url)).command(...args))
    )
    if (typeof replies[0] === 'number') {
      return (replies as number[]).reduce((sum, count) => sum + count, 0)
    }
    return Array.isArray(replies[0])
      ? (replies as RawReply[][]).flat()
      : replies[0]!
  }

  async close(): Promise<void> {
    const nodes = [...this.#nodes.values()]
    await Promise.all(nodes.map(async (node) => (await node).close()))
  }

  async #follow(url: string, args: RawArgument[]): Promise<RawReply> {
    try {
      return await (await this.#node(url)).command(...args)
    } catch (error) {
      if (!(error instanceof RawReplyError)) throw error
      const [redirect, , address] = error.message.split(' ')
      if (redirect === 'MOVED') return this.#follow(`redis://${address}`, args)
      if (redirect !== 'ASK') throw error
      const node = await this.#node(`redis://${address}`)
      // In one write: the permission is for the next command only.
      const asked = node.command('ASKING')
      const reply = node.command(...args)
      await asked
      return reply
    }
  }

  #node(url: string): Promise<RawConnection> {
    const known = this.#nodes.get(url)
    if (known) return known
    const opening = RawConnection.open(url)
    this.#nodes.set(url, opening)
    return opening
  }
}
