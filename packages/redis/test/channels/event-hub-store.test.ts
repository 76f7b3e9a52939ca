import {
  RedisArgumentError,
  type RedisEventHubStore,
  RedisOptionsError,
  RedisWrongTypeError,
} from '@pikku/redis'
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
import { CLIENTS, connectionOf, openRaw, testPrefix } from '../clients.js'
import { channelKeysOf, HOSTILE, openHub } from './channel-setup.js'

describe.each(CLIENTS)('RedisEventHubStore over $client', (client) => {
  let raw: RawRedis
  let keyPrefix: string
  let keys: ChannelKeys
  let hub: RedisEventHubStore

  beforeAll(async () => {
    raw = await openRaw()
  })
  beforeEach(async () => {
    keyPrefix = testPrefix()
    keys = channelKeysOf(keyPrefix)
    hub = await openHub(client, keyPrefix)
  })
  afterEach(() => hub.close())
  afterAll(() => raw.close())

  test.each(HOSTILE)('keeps topic and channel %j apart', async (name) => {
    expect(await hub.subscribe(name, name)).toBe(true)
    expect(await hub.subscribe(`${name}2`, `${name}2`)).toBe(true)
    expect(await hub.getChannelIdsForTopic(name)).toEqual([name])
    expect(await hub.unsubscribe(name, name)).toBe(true)
    expect(await hub.getChannelIdsForTopic(name)).toEqual([])
    expect(await hub.getChannelIdsForTopic(`${name}2`)).toEqual([`${name}2`])
  })

  test('both sets agree after any calls at once', async () => {
    const pairs = Array.from({ length: 200 }, (_, i) => ({
      topic: `t${i % 4}`,
      channel: `c${i % 5}`,
    }))
    await Promise.all(
      pairs.map(({ topic, channel }, i) =>
        i % 3 === 0
          ? hub.unsubscribe(topic, channel)
          : hub.subscribe(topic, channel)
      )
    )
    for (const { topic, channel } of pairs) {
      const listed = await hub.getChannelIdsForTopic(topic)
      const subs = keys.subscriptionsKey(channel)
      expect(await raw.command('SISMEMBER', subs, topic)).toBe(
        listed.includes(channel) ? 1 : 0
      )
    }
  })

  test('of unsubscribes at once one was the one', async () => {
    await hub.subscribe('t', 'c')
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => hub.unsubscribe('t', 'c'))
    )
    expect(answers.filter(Boolean)).toHaveLength(1)
  })

  test('what an unsubscribe needed for its repetition goes by itself', async () => {
    const brief = new client.entry.RedisEventHubStore(connectionOf(client), {
      keyPrefix,
      callTimeoutMs: 60_000,
    })
    await brief.subscribe('t', 'c')
    await brief.unsubscribe('t', 'c')
    const answered = (await raw.command('KEYS', `${keys.prefix}:*`)) as string[]
    expect(answered).toHaveLength(1)
    const ttl = Number(await raw.command('PTTL', answered[0]!))
    expect(ttl).toBeGreaterThan(30_000)
    expect(ttl).toBeLessThanOrEqual(60_001)
    await brief.close()
  })

  test('a set of another type is an error, and the other set is not written', async () => {
    await raw.command('SET', keys.subscriptionsKey('c'), 'x')
    for (const call of [
      () => hub.subscribe('t', 'c'),
      () => hub.unsubscribe('t', 'c'),
    ]) {
      await expect(call()).rejects.toBeInstanceOf(RedisWrongTypeError)
      await expect(call()).rejects.toThrow(keys.subscriptionsKey('c'))
    }
    expect(await hub.getChannelIdsForTopic('t')).toEqual([])
    await raw.command('SET', keys.topicKey('u'), 'x')
    await expect(hub.subscribe('u', 'd')).rejects.toBeInstanceOf(
      RedisWrongTypeError
    )
    expect(await raw.command('EXISTS', keys.subscriptionsKey('d'))).toBe(0)
  })

  test('names that are none are refused', async () => {
    for (const call of [
      () => hub.subscribe('', 'c'),
      () => hub.subscribe('t', ''),
      () => hub.unsubscribe('t', '\udc00'),
      () => hub.unsubscribe(7 as never, 'c'),
      () => hub.getChannelIdsForTopic(''),
    ]) {
      await expect(call()).rejects.toBeInstanceOf(RedisArgumentError)
    }
  })

  test('bad options are named', () => {
    for (const [options, message] of [
      [{ leaseMs: 1_000 }, /'leaseMs' is not an option/],
      [{ keyPrefix: 7 }, /keyPrefix/],
    ] as const) {
      const create = () =>
        new client.entry.RedisEventHubStore(connectionOf(client), options)
      expect(create).toThrow(RedisOptionsError)
      expect(create).toThrow(message)
    }
  })
})
