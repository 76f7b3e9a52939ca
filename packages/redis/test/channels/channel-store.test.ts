import {
  RedisArgumentError,
  RedisChannelNotFoundError,
  type RedisChannelStore,
  RedisClosedError,
  RedisCorruptDataError,
  RedisOptionsError,
  RedisSerializationError,
  RedisValueTooLargeError,
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
import { channelKeysOf, HOSTILE, openChannels } from './channel-setup.js'

describe.each(CLIENTS)('RedisChannelStore over $client', (client) => {
  let raw: RawRedis
  let keyPrefix: string
  let keys: ChannelKeys
  let store: RedisChannelStore

  beforeAll(async () => {
    raw = await openRaw()
  })
  beforeEach(async () => {
    keyPrefix = testPrefix()
    keys = channelKeysOf(keyPrefix)
    store = await openChannels(client, keyPrefix)
  })
  afterEach(() => store.close())
  afterAll(() => raw.close())

  const add = (channelId: string, openingData?: unknown) =>
    store.addChannel({ channelId, channelName: 'chat', openingData })

  test.each(HOSTILE)('keeps channel %j apart', async (id) => {
    await add(id, { id })
    await add(`${id}2`)
    await store.setPikkuUserId(id, id)
    await store.setState(id, { [id]: id })
    expect(await store.getChannel(id)).toEqual({
      channelId: id,
      channelName: 'chat',
      openingData: { id },
      pikkuUserId: id,
    })
    expect(await store.getState(id)).toEqual({ [id]: id })
    await store.removeChannels([id])
    await expect(store.getChannel(id)).rejects.toThrow('Channel not found')
    expect(await store.getState(id)).toBeUndefined()
    expect(await store.getChannel(`${id}2`)).toEqual({
      channelId: `${id}2`,
      channelName: 'chat',
      openingData: {},
    })
  })

  test('a channel that is added again keeps its user and its state', async () => {
    await add('c', 1)
    await store.setPikkuUserId('c', 'u')
    await store.setState('c', 's')
    await add('c', 2)
    expect(await store.getChannel('c')).toMatchObject({
      openingData: 2,
      pikkuUserId: 'u',
    })
    expect(await store.getState('c')).toBe('s')
  })

  test('one that comes back after its removal has neither', async () => {
    await add('c')
    await store.setPikkuUserId('c', 'u')
    await store.setState('c', 's')
    await store.removeChannels(['c'])
    await add('c')
    expect((await store.getChannel('c')).pikkuUserId).toBeUndefined()
    expect(await store.getState('c')).toBeUndefined()
  })

  test('a user goes, and null and an empty id are nobody', async () => {
    await add('c')
    for (const nobody of [null, '']) {
      await store.setPikkuUserId('c', 'u')
      await store.setPikkuUserId('c', nobody)
      expect((await store.getChannel('c')).pikkuUserId).toBeUndefined()
    }
  })

  test.each([{ a: [] }, [], 0, false, '', 'text', 2 ** 53, { big: [[]] }])(
    'gives state %j back as it was',
    async (state) => {
      await add('c')
      await store.setState('c', state)
      expect(await store.getState('c')).toEqual(state)
      await store.clearState('c')
      expect(await store.getState('c')).toBeUndefined()
    }
  )

  test('a state that is nothing is none', async () => {
    await add('c')
    for (const state of [undefined, null]) {
      await store.setState('c', state)
      expect(await store.getState('c')).toBeUndefined()
    }
  })

  test('a write about a channel that is gone creates no half of one', async () => {
    await add('gone')
    await store.removeChannels(['gone'])
    for (const id of ['gone', 'never']) {
      for (const call of [
        () => store.setState(id, 1),
        () => store.setPikkuUserId(id, 'u'),
        () => store.getChannel(id),
      ]) {
        await expect(call()).rejects.toBeInstanceOf(RedisChannelNotFoundError)
        await expect(call()).rejects.toThrow(`Channel not found: ${id}`)
      }
      // There is nothing to take away, which is what they are for.
      await store.setPikkuUserId(id, null)
      await store.clearState(id)
      expect(await raw.command('EXISTS', keys.channelKey(id))).toBe(0)
    }
  })

  test('half a channel, as 0.12 can leave it, is none', async () => {
    await raw.command('HSET', keys.channelKey('c'), 'state', '1')
    await expect(store.getChannel('c')).rejects.toBeInstanceOf(
      RedisChannelNotFoundError
    )
    await store.removeChannels(['c'])
    expect(await raw.command('EXISTS', keys.channelKey('c'))).toBe(0)
  })

  test('stored data that is bad is an error that names key and field', async () => {
    await add('c')
    const key = keys.channelKey('c')
    await raw.command('HSET', key, 'openingData', '{broken', 'state', '{x')
    for (const [read, field] of [
      [() => store.getChannel('c'), 'openingData'],
      [() => store.getState('c'), 'state'],
    ] as const) {
      await expect(read()).rejects.toBeInstanceOf(RedisCorruptDataError)
      await expect(read()).rejects.toMatchObject({ key, field })
    }
    await raw.command('HDEL', key, 'channelName')
    await expect(store.getChannel('c')).rejects.toMatchObject({
      key,
      field: 'channelName',
    })
  })

  test('a key of another type is an error that names it', async () => {
    const key = keys.channelKey('c')
    await raw.command('SET', key, 'x')
    for (const call of [
      () => add('c'),
      () => store.getChannel('c'),
      () => store.setState('c', 1),
      () => store.removeChannels(['c']),
    ]) {
      await expect(call()).rejects.toBeInstanceOf(RedisWrongTypeError)
      await expect(call()).rejects.toThrow(key)
    }
  })

  test('what cannot be stored is refused before anything is sent', async () => {
    await add('c')
    const small = await openChannels(client, keyPrefix, {
      maxValueBytes: 1_024,
    })
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    const refused: Array<[() => Promise<unknown>, unknown]> = [
      [() => add(''), RedisArgumentError],
      [() => add('\ud800'), RedisArgumentError],
      [() => add('d', cycle), RedisSerializationError],
      [() => add('d', 1n), RedisSerializationError],
      [
        () => store.addChannel({ channelId: 'd', channelName: 7 as never }),
        RedisArgumentError,
      ],
      [() => store.getChannel(7 as never), RedisArgumentError],
      [() => store.setState('c', cycle), RedisSerializationError],
      [() => store.setState('c', () => {}), RedisSerializationError],
      [() => store.setPikkuUserId('c', 7 as never), RedisArgumentError],
      [() => store.removeChannels('c' as never), RedisArgumentError],
      [() => store.removeChannels(['c', '']), RedisArgumentError],
      [() => small.setState('c', 'x'.repeat(2_000)), RedisValueTooLargeError],
    ]
    for (const [call, error] of refused) {
      await expect(call()).rejects.toBeInstanceOf(error)
    }
    expect(await store.getChannel('c')).toMatchObject({ channelId: 'c' })
    expect(await raw.command('EXISTS', keys.channelKey('d'))).toBe(0)
    await small.close()
  })

  test('bad options are named', () => {
    const bad: Array<[unknown, RegExp]> = [
      [{ lease: 1 }, /'lease' is not an option/],
      [{ leaseMs: 99 }, /leaseMs/],
      [{ leaseMs: '1000' }, /leaseMs/],
      [{ logger: {} }, /logger must be an object with warn/],
      [{ logger: null }, /logger must be an object with warn/],
      [{ leaseMs: 1_000, onChannelsLost: 7 }, /onChannelsLost/],
      [{ onChannelsLost: () => {} }, /onChannelsLost needs a leaseMs/],
      [{ keyPrefix: '' }, /keyPrefix/],
      [7, /options must be an object/],
    ]
    for (const [options, message] of bad) {
      const create = () =>
        new client.entry.RedisChannelStore(connectionOf(client), options)
      expect(create).toThrow(RedisOptionsError)
      expect(create).toThrow(message)
    }
  })

  test('nothing can be added after close()', async () => {
    const other = await openChannels(client, keyPrefix, { leaseMs: 60_000 })
    await other.close()
    await other.close()
    await expect(
      other.addChannel({ channelId: 'late', channelName: 'chat' })
    ).rejects.toBeInstanceOf(RedisClosedError)
  })
})
