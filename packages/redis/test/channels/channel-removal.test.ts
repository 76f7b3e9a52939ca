import type { RedisChannelStore, RedisEventHubStore } from '@pikku/redis'
import type { ChannelKeys } from '@pikku/redis-core'
import type { RawRedis } from '@pikku/redis-testing'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from 'vitest'
import { CLIENTS, openRaw, testPrefix } from '../clients.js'
import { CountedAdapter } from '../workflow/counted-adapter.js'
import {
  channelKeysOf,
  HOSTILE,
  openChannels,
  openHub,
  remainsOf,
} from './channel-setup.js'

describe.each(CLIENTS)('a channel that is removed over $client', (client) => {
  let raw: RawRedis
  let keyPrefix: string
  let keys: ChannelKeys
  let store: RedisChannelStore
  let hub: RedisEventHubStore

  beforeAll(async () => {
    raw = await openRaw()
  })
  beforeEach(async () => {
    keyPrefix = testPrefix()
    keys = channelKeysOf(keyPrefix)
    store = await openChannels(client, keyPrefix, { leaseMs: 60_000 })
    hub = await openHub(client, keyPrefix)
  })
  afterEach(async () => {
    await hub.close()
    await store.close()
  })
  afterAll(() => raw.close())

  const add = (channelId: string) =>
    store.addChannel({ channelId, channelName: 'chat' })

  const expectGone = async (channelId: string, topics: readonly string[]) =>
    expect(await remainsOf(raw, keys, channelId, topics)).toEqual([])

  test('leaves all of its topics, and others stay in them', async () => {
    for (const id of HOSTILE) {
      await add(id)
      for (const topic of HOSTILE) await hub.subscribe(topic, id)
    }
    await store.removeChannels(HOSTILE.slice(1))
    for (const id of HOSTILE.slice(1)) await expectGone(id, HOSTILE)
    for (const topic of HOSTILE) {
      expect(await hub.getChannelIdsForTopic(topic)).toEqual([HOSTILE[0]])
    }
  })

  test('that is not there, or is named twice, is no error', async () => {
    await add('c')
    await store.removeChannels([])
    await store.removeChannels(['never', 'c', 'c', 'never'])
    await store.removeChannels(['c'])
    await expectGone('c', [])
    // Nothing is kept of what never was.
    const known = keys.removedChannelKey('never')
    expect(await raw.command('EXISTS', known)).toBe(0)
  })

  test('without ever having been added leaves its topics, and may come again', async () => {
    await hub.subscribe('t', 'c')
    await store.removeChannels(['c'])
    await expectGone('c', ['t'])
    expect(await hub.subscribe('t', 'c')).toBe(true)
  })

  test('cannot subscribe until it is added again', async () => {
    await add('c')
    await store.removeChannels(['c'])
    expect(await hub.subscribe('t', 'c')).toBe(false)
    await expectGone('c', ['t'])
    // As long as a handler that still has its id may run.
    const ttl = Number(await raw.command('PTTL', keys.removedChannelKey('c')))
    expect(ttl).toBeGreaterThan(14 * 60_000)
    await add('c')
    expect(await hub.subscribe('t', 'c')).toBe(true)
    await store.removeChannels(['c'])
    await expectGone('c', ['t'])
  })

  test('with 20000 topics goes whole', async () => {
    await add('c')
    const topics = Array.from({ length: 20_000 }, (_, i) => `topic ${i}`)
    await Promise.all(topics.map((topic) => hub.subscribe(topic, 'c')))
    await store.removeChannels(['c'])
    await expectGone('c', [])
    const left = (await raw.command('KEYS', `${keys.prefix}:topic:*`)) as []
    expect(left).toHaveLength(0)
  })

  test('takes two round trips, however many go', async () => {
    const wire = new CountedAdapter(store.adapter)
    const counted = await openChannels(client, keyPrefix, {}, wire)
    // The first call of a process learns the server's clock and the script.
    await counted.removeChannels(['warm'])
    const ids = Array.from({ length: 300 }, (_, i) => `c${i}`)
    await Promise.all(
      ids.map(async (id) => {
        await add(id)
        await hub.subscribe('all', id)
        await hub.subscribe(`own ${id}`, id)
      })
    )
    wire.trips.length = 0
    const sent = counted.removeChannels(ids)
    await sent
    const [reads, ...scripts] = wire.trips
    expect(reads!.map(({ args }) => args[0])).toEqual(ids.map(() => 'SMEMBERS'))
    // They leave together, in one write of the client.
    expect(scripts).toHaveLength(ids.length)
    expect(await hub.getChannelIdsForTopic('all')).toEqual([])
    await counted.close()
  })

  test('is called again if it came to listen to another topic', async () => {
    const wire = new CountedAdapter(store.adapter)
    const counted = await openChannels(client, keyPrefix, {}, wire)
    await add('c')
    await hub.subscribe('before', 'c')
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    wire.gate = gate
    const removed = counted.removeChannels(['c'])
    await hub.subscribe('between', 'c')
    await hub.unsubscribe('before', 'c')
    open()
    await removed
    await expectGone('c', ['before', 'between'])
    await counted.close()
  })

  test('while many subscribe it is in no topic afterwards', async () => {
    const others = await Promise.all(
      CLIENTS.flatMap((other) => [
        openHub(other, keyPrefix),
        openHub(other, keyPrefix),
      ])
    )
    const topics = Array.from({ length: 12 }, (_, i) => `t${i}`)
    for (let round = 0; round < 30; round++) {
      const id = `c${round}`
      await add(id)
      const answers = await Promise.all([
        ...others.flatMap((other) =>
          topics.map((topic) => other.subscribe(topic, id))
        ),
        store.removeChannels([id]),
        store.removeChannels([id]),
        ...others.flatMap((other) =>
          topics.map((topic) => other.subscribe(topic, id))
        ),
      ])
      expect(answers.length).toBeGreaterThan(90)
      await expectGone(id, topics)
    }
    for (const topic of topics) {
      expect(await hub.getChannelIdsForTopic(topic)).toEqual([])
    }
    await Promise.all(others.map((other) => other.close()))
  })

  test('one that cannot be removed keeps no other', async () => {
    await add('good')
    await hub.subscribe('t', 'good')
    await add('bad')
    await hub.subscribe('t', 'bad')
    await raw.command('DEL', keys.channelKey('bad'))
    await raw.command('SET', keys.channelKey('bad'), 'a text')
    await expect(store.removeChannels(['bad', 'good'])).rejects.toThrow(
      keys.channelKey('bad')
    )
    await expectGone('good', ['t'])
    // Not half of it either.
    expect(await hub.getChannelIdsForTopic('t')).toEqual(['bad'])
    await raw.command('DEL', keys.channelKey('bad'))
    await store.removeChannels(['bad'])
  })
})
