import {
  RedisArgumentError,
  type RedisCredentialService,
  RedisCorruptDataError,
  RedisDecryptionError,
  RedisKeyMissingError,
  RedisOptionsError,
  RedisSerializationError,
  RedisWrongTypeError,
} from '@pikku/redis'
import { CredentialKeys } from '@pikku/redis-core'
import type { RawRedis } from '@pikku/redis-testing'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  test,
} from 'vitest'
import { CLIENTS, connectionOf, openRaw, testPrefix } from '../clients.js'
import { expectRefused } from '../refused.js'
import { CountedAdapter } from '../workflow/counted-adapter.js'
import { AFTER, BEFORE, HOSTILE, OTHER } from './keys.js'

describe.each(CLIENTS)('RedisCredentialService over $client', (client) => {
  let raw: RawRedis
  let keyPrefix: string
  let keys: CredentialKeys
  let service: RedisCredentialService
  const opened: RedisCredentialService[] = []

  const open = (
    options: object = BEFORE,
    connection = connectionOf(client)
  ) => {
    const created = new client.entry.RedisCredentialService(connection, {
      keyPrefix,
      ...options,
    })
    opened.push(created)
    return created
  }

  beforeAll(async () => {
    raw = await openRaw()
  })
  beforeEach(async () => {
    keyPrefix = testPrefix()
    const isCluster = inject('redisCluster').length > 0
    keys = new CredentialKeys(keyPrefix, isCluster ? 'cluster' : 'single')
    service = open()
    await service.init()
  })
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close()
  })
  afterAll(() => raw.close())

  test('every user and name keeps its own credential', async () => {
    const users = [undefined, ...HOSTILE.slice(0, 9), 'a']
    const names = [...HOSTILE.slice(0, 9), 'b', 'b:c']
    const pairs = users.flatMap((user) => names.map((name) => ({ user, name })))
    await Promise.all(
      pairs.map(({ user, name }) =>
        service.set(name, [user ?? null, name], user)
      )
    )
    for (const { user, name } of pairs) {
      expect(await service.get(name, user)).toEqual([user ?? null, name])
      expect(await service.has(name, user)).toBe(true)
    }
    const named = users.filter((user) => user !== undefined)
    expect((await service.getAllUsers()).toSorted()).toEqual(named.toSorted())
    for (const name of names) {
      const having = await service.getUsersWithCredential(name)
      expect(having.toSorted()).toEqual(named.toSorted())
    }
    for (const user of named) {
      const all = await service.getAll(user)
      expect(Object.keys(all).toSorted()).toEqual(names.toSorted())
      expect(Object.getPrototypeOf(all)).toBe(Object.prototype)
      expect(Object.getOwnPropertyDescriptor(all, '__proto__')?.value).toEqual([
        user,
        '__proto__',
      ])
    }
  })

  test('what is long is a name like any other', async () => {
    const long = 'x'.repeat(4_096)
    await service.set(long, 1, long)
    expect(await service.getAll(long)).toEqual({ [long]: 1 })
    expect(await service.getUsersWithCredential(long)).toEqual([long])
  })

  test('the last credential of a user takes the user out of the indexes', async () => {
    await service.set('a', 1, 'u')
    await service.set('b', 2, 'u')
    await service.delete('a', 'u')
    expect(await service.getAllUsers()).toEqual(['u'])
    expect(await service.getUsersWithCredential('a')).toEqual([])
    await service.delete('b', 'u')
    expect(await service.getAllUsers()).toEqual([])
    expect(await service.getAll('u')).toEqual({})
    for (const key of [
      keys.credentialsKey('u'),
      keys.usersKey(),
      keys.usersOfNameKey('a'),
      keys.usersOfNameKey('b'),
    ]) {
      expect(await raw.command('EXISTS', key)).toBe(0)
    }
  })

  test('a global credential is in no index and nobody’s', async () => {
    await service.set('a', 1)
    expect(await service.getAllUsers()).toEqual([])
    expect(await service.getUsersWithCredential('a')).toEqual([])
    await service.delete('a', 'u')
    expect(await service.get('a')).toBe(1)
    await service.delete('a')
    expect(await service.get('a')).toBeNull()
    expect(await raw.command('EXISTS', keys.credentialsKey())).toBe(0)
  })

  test('writes and deletes of one user at once leave agreeing indexes', async () => {
    const names = Array.from({ length: 10 }, (_, n) => `c${n}`)
    await Promise.all(
      names.flatMap((name) => [
        service.set(name, name, 'u'),
        service.delete(name, 'u'),
        service.set(name, name, 'v'),
      ])
    )
    const all = await service.getAll('u')
    for (const name of names) {
      const having = await service.getUsersWithCredential(name)
      expect(having.includes('u')).toBe(name in all)
      expect(having).toContain('v')
    }
    expect((await service.getAllUsers()).includes('u')).toBe(
      Object.keys(all).length > 0
    )
  })

  test('nothing of a value is in Redis in the clear', async () => {
    await service.set('s', { token: 'plain-text-token' }, 'u')
    const stored = await raw.command('HGETALL', keys.credentialsKey('u'))
    expect(JSON.stringify(stored)).not.toContain('plain-text-token')
    expect(JSON.stringify(stored)).toContain('key_version:s')
  })

  test('null is a value', async () => {
    await service.set('n', null, 'u')
    expect(await service.has('n', 'u')).toBe(true)
    expect(await service.getAll('u')).toEqual({ n: null })
  })

  test('bad input is refused before anything is sent', async () => {
    await expectRefused([
      [service.set('', 1), RedisArgumentError],
      [service.set('n', 1, ''), RedisArgumentError],
      [service.set('n', 1, null as never), RedisArgumentError],
      [service.set('n', 1, '\ud800'), RedisArgumentError],
      [service.set('\ud800', 1), RedisArgumentError],
      [service.set('n', undefined, 'u'), RedisSerializationError],
      [service.get('n', ''), RedisArgumentError],
      [service.has('', 'u'), RedisArgumentError],
      [service.delete('n', ''), RedisArgumentError],
      [service.getAll(''), RedisArgumentError],
      [service.getAll(undefined as never), RedisArgumentError],
      [service.getUsersWithCredential(''), RedisArgumentError],
    ])
    expect(await raw.command('EXISTS', keys.saltsKey())).toBe(0)
  })

  test('an error names the credential, its user and the version', async () => {
    await service.set('n', 1, 'u')
    const wrong = open({ key: OTHER })
    const reads = [() => wrong.get('n', 'u'), () => wrong.getAll('u')]
    for (const start of reads) {
      const read = start()
      await expect(read).rejects.toBeInstanceOf(RedisDecryptionError)
      await expect(read).rejects.toThrow('"n" of user "u" (key_version 1)')
      await expect(read).rejects.toMatchObject({
        entry: { name: 'n', userId: 'u', keyVersion: '1' },
      })
    }
    await expect(open(AFTER).get('n', 'u')).rejects.toBeInstanceOf(
      RedisKeyMissingError
    )
    const key = keys.credentialsKey('u')
    await raw.command('HDEL', key, 'key_version:n')
    await expect(service.get('n', 'u')).rejects.toBeInstanceOf(
      RedisCorruptDataError
    )
  })

  test('a key of another type is an error, and no user is indexed', async () => {
    await raw.command('SET', keys.credentialsKey('u'), 'text')
    await expect(service.set('n', 1, 'u')).rejects.toBeInstanceOf(
      RedisWrongTypeError
    )
    expect(await service.getAllUsers()).toEqual([])
  })

  test('each call is one round trip, once the key is derived', async () => {
    const adapter = new CountedAdapter(service.adapter)
    const counted = open(BEFORE, adapter)
    for (const name of ['a', 'b', 'c']) await service.set(name, name, 'u')
    await counted.set('a', 'a')
    await counted.get('a')
    await counted.delete('c', 'u')
    const trips = async (call: () => Promise<unknown>) => {
      const before = adapter.trips.length
      await call()
      return adapter.trips.length - before
    }
    const calls = [
      () => counted.get('a', 'u'),
      () => counted.set('a', 'y', 'u'),
      () => counted.has('a', 'u'),
      () => counted.getAll('u'),
      () => counted.getUsersWithCredential('a'),
      () => counted.getAllUsers(),
      () => counted.delete('a', 'u'),
    ]
    for (const call of calls) expect(await trips(call), `${call}`).toBe(1)
  })

  test('bad options are named', () => {
    const create = (options: unknown) => () =>
      new client.entry.RedisCredentialService(connectionOf(client), options)
    expect(create({})).toThrow(RedisOptionsError)
    expect(create({ ...BEFORE, ttl: 1 })).toThrow(/'ttl' is not an option/)
  })
})
