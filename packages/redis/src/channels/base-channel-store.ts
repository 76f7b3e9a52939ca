import type { Channel, ChannelStore } from '@pikku/core/channel'
import {
  ChannelKeys,
  channelScripts,
  RedisArgumentError,
  RedisChannelNotFoundError,
  RedisCorruptDataError,
  type RedisAdapter,
  RedisOptionsError,
  wholeNumber,
} from '@pikku/redis-core'
import { decodeJson } from '../common/json.js'
import { RedisService } from '../common/redis-service.js'
import { resolveLogger, type ServiceLogger } from '../common/service-logger.js'
import {
  resolveServiceOptions,
  type ServiceOptions,
} from '../common/service-options.js'
import { ChannelOwner } from './channel-owner.js'
import { ChannelRemover } from './channel-remover.js'

export interface RedisChannelStoreOptions extends ServiceOptions {
  /**
   * The start of every key.
   * @default 'pikku'
   */
  keyPrefix?: string
  /**
   * For how long the channels that this store added outlive its process, in ms,
   * from 100 on. For servers that keep their connections: a process that ends
   * takes them with it. Renewed at a third of it; other stores with a lease
   * remove what a dead process leaves.
   * @default none: channels stay until somebody removes them
   */
  leaseMs?: number
  /**
   * Told the ids of this store's channels after they were taken for dead and
   * removed: the process was paused, or cut off from Redis, for longer than
   * `leaseMs`. Close their connections; what was published in the meantime has
   * not reached them.
   */
  onChannelsLost?: (channelIds: string[]) => void
  /**
   * Told what fails in the background: renewals and sweeps.
   * @default console
   */
  logger?: ServiceLogger
}

const LONGEST_LEASE_MS = 24 * 60 * 60 * 1000

/**
 * Channels, the open connections of clients: `{prefix}:channel:{channelId}` is a
 * hash, as in 0.12. With `RedisEventHubStore` of the same prefix it shares the
 * keys of subscriptions. On a cluster all of a prefix is in one slot.
 *
 * Concurrency: a channel goes with its subscriptions or not at all (see
 * {@link ChannelRemover}). A write about a channel that is gone is an error and
 * never creates half of one; taking something away from it is none.
 *
 * A subscription that is under way while its channel is removed: if it comes
 * first, the removal sees it; if it comes second, it finds a tombstone of 15
 * minutes and answers false. The channel's own key could not tell, since
 * channels that were never added may subscribe. The time is longer than any
 * call can take and than a handler that still has the id will run; after a
 * sweep it is a day, as its process may only be paused. Adding a channel takes
 * its tombstone away.
 *
 * Crash: each call is one script, but for `removeChannels`, see there. What a
 * process leaves that dies with open channels: see `leaseMs` and
 * {@link ChannelOwner}.
 */
export abstract class BaseRedisChannelStore
  extends RedisService
  implements ChannelStore
{
  readonly #keys: ChannelKeys
  readonly #remover: ChannelRemover
  readonly #owner: ChannelOwner | undefined

  protected constructor(
    adapter: RedisAdapter,
    given?: RedisChannelStoreOptions | string
  ) {
    const options = resolveChannelOptions(given)
    super(adapter, options)
    const { leaseMs, logger, keyPrefix = 'pikku' } = options
    const keys = new ChannelKeys(keyPrefix, adapter.topology)
    const remover = new ChannelRemover(this.runner, keys)
    this.#keys = keys
    this.#remover = remover
    if (leaseMs === undefined) return
    this.#owner = new ChannelOwner({
      runner: this.runner,
      keys,
      remover,
      leaseMs,
      logger: resolveLogger(logger),
      onChannelsLost: options.onChannelsLost ?? (() => {}),
    })
  }

  /** Connects, and with `leaseMs` takes the lease; it sweeps after that. */
  override async init(): Promise<void> {
    await super.init()
    await this.#owner?.start()
  }

  /**
   * Closes what this store opened. With `leaseMs` it first removes the channels
   * that it added, as the process takes their connections with it; what cannot
   * be removed within 2 s is logged, and others do it after the lease.
   */
  override async close(): Promise<void> {
    await this.#owner?.close()
    await super.close()
  }

  /**
   * A channel that is there already keeps its user, its state and its topics.
   *
   * @throws RedisArgumentError, RedisSerializationError or
   *   RedisValueTooLargeError; nothing was sent.
   */
  async addChannel({
    channelId,
    channelName,
    openingData,
  }: Channel): Promise<void> {
    const keys = {
      channel: this.#keys.channelKey(channelId),
      removed: this.#keys.removedChannelKey(channelId),
      owned: this.#keys.ownedChannels,
      owners: this.#keys.owners,
    }
    checkText(`The name of channel '${channelId}'`, channelName)
    const what = `The opening data of channel '${channelId}'`
    const args = {
      channelId,
      channelName,
      openingData: this.encode(openingData ?? {}, what),
    }
    for (;;) {
      const ownership = await this.#owner?.current()
      const { code } = await this.runner.run(channelScripts.addChannel, {
        keys,
        args: { ...args, owner: ownership?.owner ?? '' },
      })
      if (ownership === undefined) return
      if (code === 'lost') this.#owner?.lose(ownership)
      if (ownership.lost) continue
      ownership.channels.add(channelId)
      return
    }
  }

  /**
   * Removes channels, and each from all of its topics. What is not there is no
   * error. Two round trips for up to 500 channels; a crash in between leaves
   * each channel whole or gone.
   */
  async removeChannels(channelIds: string[]): Promise<void> {
    if (!Array.isArray(channelIds)) {
      throw new RedisArgumentError('removeChannels takes an array of ids')
    }
    await this.#remover.remove(channelIds)
    this.#owner?.forget(channelIds)
  }

  /**
   * @param pikkuUserId `null` for nobody any more, which is no error of a
   *   channel that is gone.
   * @throws RedisChannelNotFoundError
   */
  async setPikkuUserId(
    channelId: string,
    pikkuUserId: string | null
  ): Promise<void> {
    // As in 0.12, where an empty id is none.
    if (pikkuUserId === null || pikkuUserId === '') {
      return this.#clear(channelId, 'pikkuUserId')
    }
    checkText(`The user id of channel '${channelId}'`, pikkuUserId)
    await this.#set(channelId, 'pikkuUserId', pikkuUserId)
  }

  /**
   * @throws RedisChannelNotFoundError
   * @throws RedisCorruptDataError for opening data that is not JSON, and for a
   *   channel without a name.
   */
  async getChannel(
    channelId: string
  ): Promise<Channel & { pikkuUserId?: string }> {
    const key = this.#keys.channelKey(channelId)
    // Without the state, which may be large.
    const [id, channelName, openingData, pikkuUserId] = (await this.runner.send(
      'HMGET',
      key,
      'channelId',
      'channelName',
      'openingData',
      'pikkuUserId'
    )) as Array<string | null>
    // 0.12 can leave a hash without it: a write about a removed channel.
    if (!id) throw new RedisChannelNotFoundError(channelId)
    if (channelName == null) {
      throw new RedisCorruptDataError(key, 'channelName', 'it is missing')
    }
    return {
      channelId: id,
      channelName,
      openingData:
        decodeJson(openingData ?? undefined, key, 'openingData') ?? {},
      ...(pikkuUserId && { pikkuUserId }),
    }
  }

  /**
   * @param state Any JSON; `undefined` and `null` are read as `undefined`.
   * @throws RedisChannelNotFoundError
   * @throws RedisSerializationError, RedisValueTooLargeError; nothing was sent.
   */
  async setState(channelId: string, state: unknown): Promise<void> {
    const what = `The state of channel '${channelId}'`
    await this.#set(channelId, 'state', this.encode(state ?? null, what))
  }

  /**
   * @returns `undefined` if there is no state, or no channel.
   * @throws RedisCorruptDataError for a state that is not JSON.
   */
  async getState(channelId: string): Promise<unknown | undefined> {
    const key = this.#keys.channelKey(channelId)
    const text = await this.runner.send('HGET', key, 'state')
    if (text === null) return undefined
    return decodeJson<unknown>(String(text), key, 'state') ?? undefined
  }

  async clearState(channelId: string): Promise<void> {
    await this.#clear(channelId, 'state')
  }

  async #set(channelId: string, field: string, value: string): Promise<void> {
    const { code } = await this.runner.run(channelScripts.setChannelField, {
      keys: { channel: this.#keys.channelKey(channelId) },
      args: { field, value },
    })
    if (code === 'no-channel') throw new RedisChannelNotFoundError(channelId)
  }

  async #clear(channelId: string, field: string): Promise<void> {
    await this.runner.run(channelScripts.clearChannelField, {
      keys: { channel: this.#keys.channelKey(channelId) },
      args: { field },
    })
  }
}

/** @throws RedisArgumentError */
function checkText(what: string, value: string): void {
  if (typeof value !== 'string') {
    throw new RedisArgumentError(`${what} must be a string`)
  }
}

function resolveChannelOptions(
  given: RedisChannelStoreOptions | string | undefined
): RedisChannelStoreOptions {
  const options = resolveServiceOptions<RedisChannelStoreOptions>(given, {
    leaseMs: true,
    onChannelsLost: true,
    logger: true,
  })
  const { leaseMs, logger, onChannelsLost } = options
  if (leaseMs !== undefined) {
    wholeNumber('leaseMs', leaseMs, 100, LONGEST_LEASE_MS)
  }
  resolveLogger(logger)
  if (onChannelsLost === undefined) return options
  if (typeof onChannelsLost !== 'function') {
    throw new RedisOptionsError('onChannelsLost must be a function')
  }
  if (leaseMs === undefined) {
    throw new RedisOptionsError('onChannelsLost needs a leaseMs')
  }
  return options
}
