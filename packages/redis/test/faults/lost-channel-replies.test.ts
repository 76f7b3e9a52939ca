import type { RedisChannelStore, RedisEventHubStore } from '@pikku/redis'
import { FaultProxy } from '@pikku/redis-core/testing'
import { uniquePrefix } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { openChannels, openHub } from '../channels/channel-setup.js'
import { CLIENTS } from '../clients.js'

describe.each(CLIENTS)('a lost reply about channels over $client', (client) => {
  let proxy: FaultProxy
  let store: RedisChannelStore
  let hub: RedisEventHubStore
  let direct: RedisEventHubStore

  beforeAll(async () => {
    const { hostname, port } = new URL(inject('redisUrl'))
    proxy = await FaultProxy.start({ host: hostname, port: Number(port) })
    const keyPrefix = uniquePrefix()
    store = await openChannels(
      client,
      keyPrefix,
      { leaseMs: 60_000 },
      proxy.url
    )
    hub = await openHub(client, keyPrefix, proxy.url)
    direct = await openHub(client, keyPrefix)
    // Otherwise it is the reply NOSCRIPT that gets lost.
    await store.addChannel({ channelId: 'warm', channelName: 'chat' })
    await store.setState('warm', 1)
    await hub.subscribe('t', 'warm')
    await hub.unsubscribe('t', 'warm')
    await store.removeChannels(['warm'])
  })

  afterAll(async () => {
    await store.close()
    await hub.close()
    await direct.close()
    await proxy.close()
  })

  /** The call, with the first reply to a script about `id` lost on its way. */
  async function losing<T>(id: string, call: () => Promise<T>): Promise<T> {
    const lost = proxy.loseReplyTo(id)
    const answer = await call()
    await lost
    return answer
  }

  test('of an unsubscribe: the repetition answers as the first', async () => {
    await hub.subscribe('t', 'listens')
    const there = () => hub.unsubscribe('t', 'listens')
    expect(await losing('listens', there)).toBe(true)
    expect(await there()).toBe(false)
    expect(await losing('silent', () => hub.unsubscribe('t', 'silent'))).toBe(
      false
    )
  })

  test('of an unsubscribe does not undo a subscription that came after', async () => {
    await hub.subscribe('t', 'again')
    const lost = proxy.loseReplyTo('again')
    const removed = hub.unsubscribe('t', 'again')
    await lost
    // It is gone, and comes again before the repetition does.
    await direct.subscribe('t', 'again')
    expect(await removed).toBe(true)
    expect(await direct.getChannelIdsForTopic('t')).toEqual(['again'])
    await direct.unsubscribe('t', 'again')
  })

  test('of a subscribe, an add, a write or a removal is one of it', async () => {
    const channel = { channelId: 'once', channelName: 'chat' }
    await losing('once', () => store.addChannel(channel))
    await losing('once', () => store.setState('once', [1]))
    await losing('once', () => hub.subscribe('t', 'once'))
    expect(await direct.getChannelIdsForTopic('t')).toEqual(['once'])
    expect(await store.getState('once')).toEqual([1])

    // The read of its topics is the first that names it, the script the next.
    await losing('EVALSHA', () => store.removeChannels(['once']))
    expect(await direct.getChannelIdsForTopic('t')).toEqual([])
    await expect(store.getChannel('once')).rejects.toThrow('not found')
    expect(await hub.subscribe('t', 'once')).toBe(false)
  })
})
