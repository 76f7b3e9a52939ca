import {
  RedisChannelStore as PublishedChannels,
  RedisEventHubStore as PublishedHub,
} from '@pikku/redis-published'
import { uniquePrefix } from '@pikku/redis-testing'
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  test,
} from 'vitest'
import { CLIENTS } from '../clients.js'

/** The stores published today, their real code from npm, beside these. */
describe.each(CLIENTS)('channels of 0.12.18 and $client', (client) => {
  const keyPrefix = uniquePrefix('rolling')
  const url = inject('redisUrl')
  const published = {
    store: new PublishedChannels(url, keyPrefix),
    hub: new PublishedHub(url, keyPrefix),
  }
  const ours = {
    store: new client.entry.RedisChannelStore(url, keyPrefix),
    hub: new client.entry.RedisEventHubStore(url, keyPrefix),
  }
  const leased = new client.entry.RedisChannelStore(url, {
    keyPrefix,
    leaseMs: 60_000,
  })
  let channelId: string

  beforeAll(async () => {
    await ours.store.init()
    await ours.hub.init()
    await leased.init()
  })
  beforeEach(() => {
    channelId = `a:b ${uniquePrefix()} 🦆`
  })
  afterAll(async () => {
    await leased.close()
    for (const { store, hub } of [ours, published]) {
      await store.close()
      await hub.close()
    }
  })

  const channel = () => ({
    channelId,
    channelName: 'chat',
    openingData: { room: 'ø', list: [] },
  })

  test.each([
    ['0.12.18', 'this', published, ours],
    ['this', '0.12.18', ours, published],
    ['this with a lease', '0.12.18', { ...ours, store: leased }, published],
  ])('what %s wrote, %s reads', async (_writer, _reader, writer, reader) => {
    await writer.store.addChannel(channel())
    expect(await reader.store.getChannel(channelId)).toEqual(channel())
    await writer.store.setPikkuUserId(channelId, 'u')
    await writer.store.setState(channelId, { n: [1, {}] })
    await writer.hub.subscribe('t', channelId)
    expect(await reader.store.getChannel(channelId)).toEqual({
      ...channel(),
      pikkuUserId: 'u',
    })
    expect(await reader.store.getState(channelId)).toEqual({ n: [1, {}] })
    expect(await reader.hub.getChannelIdsForTopic('t')).toEqual([channelId])

    await reader.store.setPikkuUserId(channelId, null)
    await reader.store.clearState(channelId)
    expect((await writer.store.getChannel(channelId)).pikkuUserId).toBe(
      undefined
    )
    expect(await writer.store.getState(channelId)).toBeUndefined()
    expect(await reader.hub.unsubscribe('t', channelId)).toBe(true)
    expect(await writer.hub.unsubscribe('t', channelId)).toBe(false)
    await reader.store.removeChannels([channelId])
    await expect(writer.store.getChannel(channelId)).rejects.toThrow(
      `Channel not found: ${channelId}`
    )
  })

  test('a channel that 0.12.18 subscribed leaves its topics here, and not there', async () => {
    await published.store.addChannel(channel())
    await published.hub.subscribe('t', channelId)
    await ours.store.removeChannels([channelId])
    expect(await published.hub.getChannelIdsForTopic('t')).toEqual([])

    await ours.store.addChannel(channel())
    await ours.hub.subscribe('t', channelId)
    await published.store.removeChannels([channelId])
    expect(await ours.hub.getChannelIdsForTopic('t')).toEqual([channelId])
    await ours.hub.unsubscribe('t', channelId)
  })
})
