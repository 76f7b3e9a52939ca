import {
  type ChannelKeys,
  channelScripts,
  type ScriptRunner,
} from '@pikku/redis-core'

/** How many channels are read and removed at once. */
const CHUNK = 500
/**
 * For how long it is known that a channel was removed: longer than a handler
 * that still has the channel's id can run (15 minutes, on AWS Lambda).
 */
const TOMBSTONE_MS = 15 * 60 * 1000
/** A process that was taken for dead may only sleep, and wake up much later. */
const SWEPT_TOMBSTONE_MS = 24 * 60 * 60 * 1000

/**
 * Removes channels, each whole: its hash, its subscriptions and its place in
 * every topic go in one script.
 *
 * Concurrency: the topics are keys, and known only after they were read. The
 * script compares: if the channel has come to listen to another topic, it
 * writes nothing, answers with all topics, and is called again. A subscription
 * that comes after the script finds the tombstone and is refused.
 *
 * Crash: between the read and the script nothing has changed; between two
 * channels the one is gone and the other whole.
 */
export class ChannelRemover {
  readonly #runner: ScriptRunner
  readonly #keys: ChannelKeys

  constructor(runner: ScriptRunner, keys: ChannelKeys) {
    this.#runner = runner
    this.#keys = keys
  }

  /**
   * Two round trips for up to 500 channels. All are tried, also if one fails.
   *
   * @param owner Removes only what is still this owner's, which was given up.
   */
  async remove(channelIds: readonly string[], owner = ''): Promise<void> {
    const ids = [...new Set(channelIds)]
    // A name that is none is refused before anything is sent.
    const subs = ids.map((id) => this.#keys.subscriptionsKey(id))
    for (let at = 0; at < ids.length; at += CHUNK) {
      const read = await this.#runner.sendAll(
        subs.slice(at, at + CHUNK).map((key) => ['SMEMBERS', key] as const)
      )
      const removed = await Promise.allSettled(
        read.map((topics, i) =>
          this.#removeOne(ids[at + i]!, topics as string[], owner)
        )
      )
      for (const outcome of removed) {
        if (outcome.status === 'rejected') throw outcome.reason
      }
    }
  }

  async #removeOne(
    channelId: string,
    read: readonly string[],
    owner: string
  ): Promise<void> {
    const topics = new Set(read)
    for (;;) {
      const names = [...topics]
      const { code, detail } = await this.#runner.run(
        channelScripts.removeChannel,
        {
          keys: {
            channel: this.#keys.channelKey(channelId),
            subs: this.#keys.subscriptionsKey(channelId),
            removed: this.#keys.removedChannelKey(channelId),
            owned: this.#keys.ownedChannels,
          },
          moreKeys: names.map((topic) => this.#keys.topicKey(topic)),
          args: {
            channelId,
            owner,
            tombstoneMs: owner === '' ? TOMBSTONE_MS : SWEPT_TOMBSTONE_MS,
          },
          rest: names,
        }
      )
      if (code !== 'changed') return
      for (const topic of detail) topics.add(topic)
    }
  }
}
