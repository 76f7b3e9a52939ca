import {
  RedisArgumentError,
  RedisCorruptDataError,
  RedisOptionsError,
  type RedisSessionStore,
  type RedisSessionStoreOptions,
  RedisSerializationError,
  RedisValueTooLargeError,
  RedisWrongTypeError,
} from '@pikku/redis'
import type { RawRedis } from '@pikku/redis-testing'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
  vi,
} from 'vitest'
import { CLIENTS, connectionOf, openRaw, testPrefix } from '../clients.js'
import { expectRefused } from '../refused.js'

const HOSTILE = [
  'a:b',
  '*',
  '[x]',
  '{tag}',
  'with space',
  '🦆',
  '__proto__',
  'x'.repeat(4_096),
]

describe.each(CLIENTS)('RedisSessionStore over $client', (client) => {
  let raw: RawRedis
  let keyPrefix: string
  let store: RedisSessionStore

  const open = async (options: RedisSessionStoreOptions = {}) => {
    const connection = connectionOf(client)
    const opened = new client.entry.RedisSessionStore(connection, {
      keyPrefix,
      ...options,
    })
    await opened.init()
    return opened
  }
  const keyOf = (user: string) => `${keyPrefix}:session:${user}`
  const ttlOf = async (user: string) =>
    Number(await raw.command('PTTL', keyOf(user)))

  beforeAll(async () => {
    raw = await openRaw()
  })
  beforeEach(async () => {
    keyPrefix = testPrefix()
    store = await open()
  })
  afterEach(() => store.close())
  afterAll(() => raw.close())

  test.each(HOSTILE)('keeps the session of user %j apart', async (user) => {
    await store.set(user, { userId: user })
    await store.set(`${user}2`, { userId: 'other' })
    expect(await store.get(user)).toEqual({ userId: user })
    await store.clear(user)
    expect(await store.get(user)).toBeUndefined()
    expect(await store.get(`${user}2`)).toEqual({ userId: 'other' })
  })

  test('lives for ever if nobody says how long', async () => {
    await store.set('u', { userId: 'u' })
    expect(await ttlOf('u')).toBe(-1)
  })

  test('a session ends at its TTL, and reading does not prolong it', async () => {
    const timed = await open({ ttlMs: 300 })
    await timed.set('u', { userId: 'u' })
    expect(await ttlOf('u')).toBeLessThanOrEqual(300)
    await vi.waitUntil(async () => (await timed.get('u')) === undefined, 5_000)
    expect(await raw.command('EXISTS', keyOf('u'))).toBe(0)
    await timed.close()
  })

  test('a sliding session starts its TTL anew when it is read', async () => {
    const timed = await open({ ttlMs: 60_000, sliding: true })
    await timed.set('u', { userId: 'u' })
    await raw.command('PEXPIRE', keyOf('u'), '1000')
    await timed.get('u')
    expect(await ttlOf('u')).toBeGreaterThan(50_000)
    await timed.clear('u')
    expect(await timed.get('u')).toBeUndefined()
    await timed.close()
  })

  test('setting a session anew without a TTL takes the old one away', async () => {
    const timed = await open({ ttlMs: 60_000 })
    await timed.set('u', { userId: 'u' })
    await store.set('u', { userId: 'u' })
    expect(await ttlOf('u')).toBe(-1)
    await timed.close()
  })

  test('the seconds of 0.12 are seconds', async () => {
    const connection = connectionOf(client)
    const timed = new client.entry.RedisSessionStore(connection, keyPrefix, 60)
    await timed.set('u', { userId: 'u' })
    expect(await ttlOf('u')).toBeGreaterThan(50_000)
    expect(await ttlOf('u')).toBeLessThanOrEqual(60_000)
    await timed.close()
  })

  test.each(['{broken', '"text"', '7', 'null', ''])(
    'stored %j is an error that names the key',
    async (text) => {
      await raw.command('SET', keyOf('u'), text)
      const read = store.get('u')
      await expect(read).rejects.toBeInstanceOf(RedisCorruptDataError)
      await expect(read).rejects.toThrow(keyOf('u'))
    }
  )

  test('a key of another type is an error that names it', async () => {
    await raw.command('HSET', keyOf('u'), 'a', '1')
    const read = store.get('u')
    await expect(read).rejects.toBeInstanceOf(RedisWrongTypeError)
    await expect(read).rejects.toThrow(keyOf('u'))
  })

  test('what cannot be stored is refused before anything is sent', async () => {
    const small = await open({ maxValueBytes: 1_024 })
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    await expectRefused([
      [store.set('', { userId: 'u' }), RedisArgumentError],
      [store.set('\ud800', { userId: 'u' }), RedisArgumentError],
      [store.set('u', undefined as never), RedisArgumentError],
      [store.set('u', 'text' as never), RedisArgumentError],
      [store.set('u', cycle), RedisSerializationError],
      [small.set('u', { userId: 'x'.repeat(2_000) }), RedisValueTooLargeError],
    ])
    expect(await raw.command('EXISTS', keyOf('u'))).toBe(0)
    await small.close()
  })

  test('bad options are named', () => {
    const bad: Array<[unknown[], RegExp]> = [
      [[{ ttl: 1 }], /'ttl' is not an option/],
      [[{ ttlMs: 0 }], /ttlMs/],
      [[{ ttlMs: 1.5 }], /ttlMs/],
      [[{ sliding: true }], /sliding needs a ttlMs/],
      [[{ sliding: 'yes', ttlMs: 1 }], /sliding is true or false/],
      [[{ keyPrefix: '' }], /keyPrefix/],
      [[7], /options must be an object/],
      [['p', -1], /ttlSeconds/],
      [[{ ttlMs: 1 }, 1], /give one/],
    ]
    for (const [args, message] of bad) {
      const create = () =>
        new client.entry.RedisSessionStore(connectionOf(client), ...args)
      expect(create).toThrow(RedisOptionsError)
      expect(create).toThrow(message)
    }
  })
})
