import { randomUUID } from 'node:crypto'
import {
  type ChannelKeys,
  channelScripts,
  RedisClosedError,
  type ScriptRunner,
  within,
} from '@pikku/redis-core'
import { log, type ServiceLogger } from '../common/service-logger.js'
import type { ChannelRemover } from './channel-remover.js'

/** For how long `close()` waits for channels to be removed, in ms. */
const CLOSE_MS = 2_000
/** How many dead owners, and how many channels of one, are read at once. */
const CHUNK = 100

/** One owner: from when the store began, or lost the one before. */
export interface Ownership {
  readonly owner: string
  /** What was added and not removed. */
  readonly channels: Set<string>
  lost: boolean
}

export interface ChannelOwnerOptions {
  runner: ScriptRunner
  keys: ChannelKeys
  remover: ChannelRemover
  leaseMs: number
  logger: ServiceLogger
  onChannelsLost: (channelIds: string[]) => void
}

/**
 * The lease of a store on the channels that it adds, and the sweep of those of
 * stores that died.
 *
 * Concurrency: an owner whose lease has run out is first given up, in one script
 * and for good, then its channels are removed, each whole. Any number of stores
 * sweep at once; they do the same. An owner that comes back before it was given
 * up has its channels as if nothing had been; one that was given up cannot
 * renew, nor add, so it never goes on with half of its channels: the
 * application is told, and the store goes on as a new owner.
 *
 * An outage of Redis outlasts everybody's lease. Whoever may come out of one
 * therefore sweeps only after one more lease, when the others have renewed: a
 * store that begins, and one that finds its own lease run out.
 *
 * Crash: of the owner, at any point: its lease runs out. Of a sweeper, between
 * any two calls: an owner that was given up is listed until all is gone.
 */
export class ChannelOwner {
  readonly #options: ChannelOwnerOptions
  #ownership: Promise<Ownership> | undefined
  #held: Ownership | undefined
  #timer: NodeJS.Timeout | undefined
  #sweeping = false
  #sweepsFrom = 0
  #closed = false

  constructor(options: ChannelOwnerOptions) {
    this.#options = options
  }

  /** Takes a lease. */
  async start(): Promise<void> {
    await this.current()
  }

  /**
   * Who owns what is added now.
   *
   * @throws RedisClosedError after `close()`.
   */
  async current(): Promise<Ownership> {
    if (this.#closed) throw new RedisClosedError('The store is closed')
    this.#ownership ??= this.#take().catch((error: unknown) => {
      this.#ownership = undefined
      throw error
    })
    return this.#ownership
  }

  /** They were removed by the application. */
  forget(channelIds: readonly string[]): void {
    for (const id of channelIds) this.#held?.channels.delete(id)
  }

  /** The script said so: tells the application, once. */
  lose(ownership: Ownership): void {
    if (ownership.lost) return
    ownership.lost = true
    this.#ownership = undefined
    // Who closes the store gives its channels up, and knows.
    if (this.#closed) return
    const channels = [...ownership.channels]
    this.#warn(
      `The lease on ${channels.length} channels ran out, and they were removed`
    )
    try {
      this.#options.onChannelsLost(channels)
    } catch (error) {
      this.#warn('onChannelsLost failed', error)
    }
  }

  /** Removes what is still owned, within 2 s: what is left, others sweep. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    if (!this.#ownership) return
    try {
      await within(CLOSE_MS, this.#leave(this.#ownership))
    } catch (error) {
      this.#warn('Not all were removed at close()', error)
    }
  }

  async #leave(pending: Promise<Ownership>): Promise<void> {
    const { owner } = await pending
    const { runner, keys } = this.#options
    await runner.run(
      channelScripts.endChannelOwner,
      { keys: { owners: keys.owners }, args: { owner } },
      { timeoutMs: CLOSE_MS }
    )
    await this.#removeAll(owner)
  }

  async #take(): Promise<Ownership> {
    const { runner, keys, leaseMs } = this.#options
    const owner = randomUUID()
    await runner.run(
      channelScripts.addChannelOwner,
      { keys: { owners: keys.owners }, args: { owner, leaseMs } },
      // A call that comes later could bring back what was given up.
      { timeoutMs: leaseMs }
    )
    this.#sweepsFrom = performance.now() + leaseMs
    if (this.#timer === undefined) this.#schedule()
    this.#held = { owner, channels: new Set(), lost: false }
    return this.#held
  }

  #schedule(): void {
    if (this.#closed) return
    const ms = Math.floor(this.#options.leaseMs / 3)
    this.#timer = setTimeout(() => void this.#tick(), ms).unref()
  }

  async #tick(): Promise<void> {
    try {
      await this.#renew()
    } catch (error) {
      this.#warnIfOpen('A lease was not renewed', error)
    }
    this.#schedule()
  }

  async #renew(): Promise<void> {
    const ownership = await this.current()
    const { runner, keys, leaseMs } = this.#options
    const { code } = await runner.run(
      channelScripts.renewChannelOwner,
      {
        keys: { owners: keys.owners },
        args: { owner: ownership.owner, leaseMs },
      },
      { timeoutMs: Math.ceil(leaseMs / 3) }
    )
    if (this.#closed) return
    if (code === 'late') this.#sweepsFrom = performance.now() + leaseMs
    if (code === 'lost') {
      this.lose(ownership)
      await this.current()
    }
    if (performance.now() >= this.#sweepsFrom) this.#sweep()
  }

  /** One at a time, beside the renewals: it may take longer than a lease. */
  #sweep(): void {
    if (this.#sweeping) return
    this.#sweeping = true
    this.#sweepAll()
      .catch((error: unknown) => this.#warnIfOpen('A sweep failed', error))
      .finally(() => {
        this.#sweeping = false
      })
  }

  async #sweepAll(): Promise<void> {
    const { runner, keys } = this.#options
    const dead = await runner.run(channelScripts.buryChannelOwners, {
      keys: { owners: keys.owners },
      args: { limit: CHUNK },
    })
    for (const owner of dead) {
      if (this.#closed) return
      await this.#removeAll(owner)
    }
  }

  /**
   * What an owner has that was given up, and then the owner. If something cannot
   * be removed, the rest is, and the owner stays for the next sweep.
   */
  async #removeAll(owner: string): Promise<void> {
    const { runner, keys, remover } = this.#options
    const { from, to } = keys.ownedRange(owner)
    for (let after = from; ;) {
      const members = (await runner.send(
        'ZRANGE',
        keys.ownedChannels,
        after,
        to,
        'BYLEX',
        'LIMIT',
        '0',
        String(CHUNK)
      )) as string[]
      if (members.length === 0) break
      const ids = members.map((member) => keys.ownedChannelId(owner, member))
      await remover.remove(ids, owner).catch((error: unknown) => {
        if (error instanceof RedisClosedError) throw error
        this.#warn('Some that a dead process left stay for now', error)
      })
      after = `(${members.at(-1)}`
    }
    await runner.run(channelScripts.forgetChannelOwner, {
      keys: { owners: keys.owners, owned: keys.ownedChannels },
      args: { owner, from, to },
    })
  }

  /** What `close()` itself cuts off is no news. */
  #warnIfOpen(what: string, error: unknown): void {
    if (!this.#closed) this.#warn(what, error)
  }

  #warn(what: string, error?: unknown): void {
    const { keys, logger } = this.#options
    const why = error instanceof Error ? `: ${error.message}` : ''
    log(logger, 'warn', `Channels of '${keys.prefix}': ${what}${why}`)
  }
}
