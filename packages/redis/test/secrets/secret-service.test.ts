import {
  RedisArgumentError,
  RedisCorruptDataError,
  RedisDecryptionError,
  RedisKeyMissingError,
  RedisOptionsError,
  RedisSecretNotFoundError,
  type RedisSecretService,
  RedisSerializationError,
  RedisValueTooLargeError,
  RedisWrongTypeError,
} from '@pikku/redis'
import { SecretKeys } from '@pikku/redis-core'
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
import { AFTER, BEFORE, DURING, HOSTILE, OTHER } from './keys.js'

const isCluster = () => inject('redisCluster').length > 0

describe.each(CLIENTS)('RedisSecretService over $client', (client) => {
  let raw: RawRedis
  let keyPrefix: string
  let keys: SecretKeys
  let service: RedisSecretService
  const opened: RedisSecretService[] = []

  const open = (options: object = BEFORE) => {
    const created = new client.entry.RedisSecretService(connectionOf(client), {
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
    keys = new SecretKeys(keyPrefix, isCluster() ? 'cluster' : 'single')
    service = open()
    await service.init()
  })
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close()
  })
  afterAll(() => raw.close())

  test('every name keeps its own secret', async () => {
    const names = [...HOSTILE, '']
    for (const name of names) await service.setSecret(name, `of ${name}`)
    for (const name of names) {
      expect((await service.getSecret(name)).reveal()).toBe(`of ${name}`)
      expect(await service.hasSecret(name)).toBe(true)
    }
    const all = await service.getSecrets(names)
    expect(Object.keys(all).toSorted()).toEqual(names.toSorted())
    for (const name of names) {
      expect(Object.getOwnPropertyDescriptor(all, name)?.value.reveal()).toBe(
        `of ${name}`
      )
    }
    expect(await raw.command('ZCARD', keys.indexKey())).toBe(names.length)
    for (const name of names) await service.deleteSecret(name)
    expect(await raw.command('EXISTS', keys.indexKey())).toBe(0)
    expect(await service.getSecrets(names)).toEqual({})
  })

  test('a value comes back as it was when it was set', async () => {
    const value = { list: [], nested: { n: 1.5, none: null }, text: 'ø 🦆' }
    const set = service.setSecret('s', value)
    value.text = 'changed while the key was derived'
    await set
    expect((await service.getSecret('s')).reveal()).toEqual({
      ...value,
      text: 'ø 🦆',
    })
  })

  test('nothing of a value is in Redis in the clear', async () => {
    await service.setSecret('s', { token: 'plain-text-token' })
    const stored = await raw.command('HGETALL', keys.secretKey('s'))
    expect(JSON.stringify(stored)).not.toContain('plain-text-token')
    expect(JSON.stringify(stored)).toContain('key_version')
  })

  test('a secret value is stored as what it reveals, at any depth', async () => {
    await service.setSecret('a', 'inner')
    const a = await service.getSecret('a')
    await service.setSecret('b', a)
    await service.setSecret('c', { user: 'u', password: a })
    expect((await service.getSecret('b')).reveal()).toBe('inner')
    expect((await service.getSecret('c')).reveal()).toEqual({
      user: 'u',
      password: 'inner',
    })
  })

  test('what is read does not show itself', async () => {
    await service.setSecret('s', 'hidden')
    const value = await service.getSecret('s')
    expect(JSON.stringify({ value })).toBe('{"value":"[secret]"}')
    expect(() => `${value}`).toThrow(/reveal/)
  })

  test('a secret that is not there is an error that has its name', async () => {
    const read = service.getSecret('nobody')
    await expect(read).rejects.toBeInstanceOf(RedisSecretNotFoundError)
    await expect(read).rejects.toMatchObject({ secretName: 'nobody' })
    expect(await service.hasSecret('nobody')).toBe(false)
  })

  test('asking for what can be no name is an answer, not an error', async () => {
    expect(await service.hasSecret('\ud800')).toBe(false)
    expect(await service.hasSecret(undefined as never)).toBe(false)
  })

  test('what cannot be stored is refused before anything is sent', async () => {
    const small = open({ ...BEFORE, maxValueBytes: 1_024 })
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    await expectRefused([
      [service.setSecret('\ud800', 1), RedisArgumentError],
      [service.setSecret(7 as never, 1), RedisArgumentError],
      [service.setSecret('s', undefined), RedisSerializationError],
      [service.setSecret('s', () => 1), RedisSerializationError],
      [service.setSecret('s', 1n), RedisSerializationError],
      [service.setSecret('s', cycle), RedisSerializationError],
      [small.setSecret('s', 'x'.repeat(2_000)), RedisValueTooLargeError],
    ])
    expect(await raw.command('EXISTS', keys.secretKey('s'))).toBe(0)
    expect(await raw.command('EXISTS', keys.saltsKey())).toBe(0)
  })

  test('a wrong key is an error with the name and the version', async () => {
    await service.setSecret('s', 'x')
    const other = open({ key: OTHER })
    const reads = [() => other.getSecret('s'), () => other.getSecrets(['s'])]
    for (const start of reads) {
      const read: Promise<unknown> = start()
      await expect(read).rejects.toBeInstanceOf(RedisDecryptionError)
      await expect(read).rejects.toThrow('secret "s" (key_version 1)')
      await expect(read).rejects.toMatchObject({
        entry: { name: 's', keyVersion: '1' },
      })
    }
  })

  test('tampered data is an error', async () => {
    await service.setSecret('s', 'x')
    await service.setSecret('t', 'y')
    const key = keys.secretKey('s')
    const stolen = await raw.command('HGET', keys.secretKey('t'), 'ciphertext')
    for (const text of [String(stolen), 'AAAA', '!', 'A'.repeat(80)]) {
      await raw.command('HSET', key, 'ciphertext', text)
      await expect(service.getSecret('s')).rejects.toBeInstanceOf(
        RedisDecryptionError
      )
    }
    expect((await service.getSecret('t')).reveal()).toBe('y')
  })

  test('a version without a key is an error that names it', async () => {
    await service.setSecret('s', 'x')
    const read = open(AFTER).getSecret('s')
    await expect(read).rejects.toBeInstanceOf(RedisKeyMissingError)
    await expect(read).rejects.toThrow('key_version 1')
  })

  test.each([
    ['wrapped_dek', ''],
    ['key_version', 'two'],
    ['key_version', '-1'],
  ])('a stored %s of %j is an error that names it', async (field, text) => {
    await service.setSecret('s', 'x')
    const key = keys.secretKey('s')
    await raw.command('HSET', key, field, text)
    const read = service.getSecret('s')
    await expect(read).rejects.toBeInstanceOf(RedisCorruptDataError)
    await expect(read).rejects.toMatchObject({ key, field })
  })

  test('a key of another type is an error, and no name is indexed', async () => {
    await raw.command('SET', keys.secretKey('s'), 'text')
    await expect(service.getSecret('s')).rejects.toBeInstanceOf(
      RedisWrongTypeError
    )
    await expect(service.setSecret('s', 'x')).rejects.toBeInstanceOf(
      RedisWrongTypeError
    )
    expect(await raw.command('EXISTS', keys.indexKey())).toBe(0)
  })

  test('of services that are the first at once, one salt wins', async () => {
    const first = Array.from({ length: 8 }, () => open())
    await Promise.all(first.map((each, n) => each.setSecret(`s${n}`, n)))
    const reader = open()
    const names = first.map((_, n) => `s${n}`)
    const all = await reader.getSecrets(names)
    expect(names.map((name) => all[name]?.reveal())).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ])
  })

  test('a salt that was lost comes back with the next write', async () => {
    await service.setSecret('early', 'x')
    await raw.command('DEL', keys.saltsKey())
    const lost = open().getSecret('early')
    await expect(lost).rejects.toBeInstanceOf(RedisCorruptDataError)
    await expect(lost).rejects.toThrow(keys.saltsKey())
    // What cannot be read does not make who knows the salt forget it.
    await raw.command('HSET', keys.secretKey('bad'), 'ciphertext', 'AAAA')
    await raw.command('HSET', keys.secretKey('bad'), 'wrapped_dek', 'AAAA')
    await raw.command('HSET', keys.secretKey('bad'), 'key_version', '1')
    const bad = service.getSecret('bad')
    await expect(bad).rejects.toBeInstanceOf(RedisDecryptionError)
    await service.setSecret('late', 'y')
    expect((await open().getSecret('early')).reveal()).toBe('x')
  })

  test('a salt that another process made anew is taken over', async () => {
    await service.setSecret('early', 'x')
    await raw.command('DEL', keys.saltsKey())
    const other = open()
    await other.setSecret('theirs', 'y')
    expect((await service.getSecret('theirs')).reveal()).toBe('y')
    await service.setSecret('ours', 'z')
    expect((await other.getSecret('ours')).reveal()).toBe('z')
  })

  test.skipIf(isCluster())('migrate() indexes what 0.12 wrote', async () => {
    await service.setSecret('theirs', 'x')
    await service.setSecret('mine', 'x')
    // As 0.12 leaves them.
    await raw.command('DEL', keys.indexKey())
    await raw.command('HDEL', keys.saltsKey(), 'indexed')
    await service.setSecret('mine', 'y')
    expect(await service.migrate()).toEqual({ added: 1, removed: 0 })
    expect(await open(DURING).rotateKEK()).toBe(2)
    expect((await open(AFTER).getSecret('theirs')).reveal()).toBe('x')
  })

  test.runIf(isCluster())('a cluster has nothing to migrate', async () => {
    await service.setSecret('s', 'x')
    await expect(service.migrate()).rejects.toBeInstanceOf(RedisOptionsError)
    expect(await open(DURING).rotateKEK()).toBe(1)
  })

  test('each call is one round trip, once the key is derived', async () => {
    const adapter = new CountedAdapter(service.adapter)
    const counted = new client.entry.RedisSecretService(adapter, {
      ...BEFORE,
      keyPrefix,
    })
    const names = Array.from({ length: 20 }, (_, n) => `s${n}`)
    for (const name of names) await service.setSecret(name, name)
    await counted.setSecret('s0', 's0')
    await counted.getSecret('s0')
    await counted.deleteSecret('s0')
    const trips = async (call: () => Promise<unknown>) => {
      const before = adapter.trips.length
      await call()
      return adapter.trips.length - before
    }
    expect(await trips(() => counted.getSecret('s1'))).toBe(1)
    expect(await trips(() => counted.getSecrets(names))).toBe(1)
    expect(await trips(() => counted.hasSecret('s1'))).toBe(1)
    expect(await trips(() => counted.setSecret('s1', 'y'))).toBe(1)
    expect(await trips(() => counted.deleteSecret('s1'))).toBe(1)
  })

  test('bad options are named, and no key is shown', () => {
    const bad: Array<[unknown, RegExp]> = [
      [undefined, /key must be a string/],
      ['prefix', /key must be a string/],
      [{}, /key must be a string/],
      [{ key: '' }, /key must be a string/],
      [{ key: 7 }, /key must be a string/],
      [{ key: `${OTHER}\ud800` }, /key holds a lone surrogate/],
      [{ ...DURING, previousKey: 7 }, /previousKey must be a string/],
      [{ key: OTHER, keyVersion: '2' }, /keyVersion/],
      [{ key: OTHER, keyVersion: 1.5 }, /keyVersion/],
      [{ key: OTHER, keyVersion: -1 }, /keyVersion/],
      [{ key: OTHER, keyPrefix: '' }, /keyPrefix/],
      [{ key: OTHER, oldKey: 'x' }, /'oldKey' is not an option/],
      [{ key: OTHER, callTimeoutMs: 'x' }, /callTimeoutMs/],
    ]
    for (const [options, message] of bad) {
      const create = () =>
        new client.entry.RedisSecretService(connectionOf(client), options)
      expect(create).toThrow(RedisOptionsError)
      expect(create).toThrow(message)
      expect(create).not.toThrow(OTHER)
    }
  })
})
