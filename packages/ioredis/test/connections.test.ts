import { inspect } from 'node:util'
import { RedisConnectionError, RedisOptionsError } from '@pikku/redis-core'
import { RedisServer } from '@pikku/redis-testing'
import { Redis, type RedisOptions } from 'ioredis'
import { createClient } from 'redis'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { IoRedisAdapter } from '../src/index.js'

describe('connections of the ioredis adapter', () => {
  const opened: Redis[] = []
  const open = (...args: [string, object?]) => {
    const client = new Redis(args[0], { ...args[1] })
    opened.push(client)
    return client
  }

  afterEach(() => {
    for (const client of opened.splice(0)) client.disconnect()
  })

  test('a client of the application is shared and never closed', async () => {
    const client = open(inject('redisUrl'))
    const adapter = new IoRedisAdapter(client)
    await adapter.open()
    await adapter.close()
    expect(await client.ping()).toBe('PONG')
    expect(adapter.client).toBe(client)
  })

  test('a server that accepts and says nothing is an error in the connect timeout', async () => {
    const server = await RedisServer.start()
    server.pause()
    const adapter = new IoRedisAdapter({
      host: server.host,
      port: server.port,
      connectTimeout: 300,
    })
    const opening = adapter.open()
    await expect(opening).rejects.toBeInstanceOf(RedisConnectionError)
    await expect(opening).rejects.toThrow(/no answer within 300 ms/)
    server.resume()
    await adapter.open()
    expect(await adapter.send({ key: null, args: ['PING'] })).toBe('PONG')
    await adapter.close()
    await server.stop()
  })

  test('a password that no node of a cluster takes is in no cause', async () => {
    const server = await RedisServer.start({ args: ['--requirepass', 'right'] })
    const { host, port } = server
    const adapter = new IoRedisAdapter({
      nodes: [{ host, port }],
      options: { redisOptions: { password: 'wr0ng-secret' } },
    })
    const error = await adapter.open().catch((e: Error) => e)
    expect(error).toBeInstanceOf(RedisConnectionError)
    expect(inspect(error, { depth: null })).toContain('WRONGPASS')
    expect(inspect(error, { depth: null })).not.toContain('wr0ng-secret')
    await adapter.close()
    await server.stop()
  })

  test('a client that adds a keyPrefix of its own is refused', () => {
    const client = open(inject('redisUrl'), { keyPrefix: 'app:' })
    expect(() => new IoRedisAdapter(client)).toThrow(RedisOptionsError)
    expect(() => new IoRedisAdapter(client)).toThrow(/keyPrefix 'app:'/)
    expect(() => new IoRedisAdapter({ keyPrefix: 'app:' })).toThrow(/keyPrefix/)
  })

  test('a client that gives numbers as strings is refused', () => {
    const options = { stringNumbers: true, lazyConnect: true }
    for (const refused of [
      open(inject('redisUrl'), options),
      options,
      { nodes: [inject('redisUrl')], options: { redisOptions: options } },
    ]) {
      const create = () => new IoRedisAdapter(refused as RedisOptions)
      expect(create).toThrow(RedisOptionsError)
      expect(create).toThrow(/stringNumbers/)
    }
  })

  test('a bad connection string is refused without repeating it', () => {
    for (const url of [
      'redis://:secret@host:99999',
      'redis://:sec%ret-secret@host',
      'mysql://u:secret@host:1',
      'not a url :secret@',
    ]) {
      for (const bad of [url, { nodes: [url] }]) {
        const error = reasonOf(() => new IoRedisAdapter(bad))
        expect(error).toBeInstanceOf(RedisOptionsError)
        expect(inspect(error, { depth: null })).not.toContain('secret')
      }
    }
  })

  test('a client of node-redis is refused with the way to go', () => {
    const client = createClient() as unknown as undefined
    expect(() => new IoRedisAdapter(client)).toThrow(RedisOptionsError)
    expect(() => new IoRedisAdapter(client)).toThrow(
      /@pikku\/redis\/node-redis/
    )
  })

  test('an adapter is used as it is', () => {
    const adapter = new IoRedisAdapter({ lazyConnect: true })
    expect(IoRedisAdapter.from(adapter)).toBe(adapter)
  })

  test('anything else is refused', () => {
    for (const bad of ['', 7, null, true]) {
      expect(() => new IoRedisAdapter(bad as unknown as string)).toThrow(
        RedisOptionsError
      )
    }
  })

  test('maps stay flat for a client that asked for RESP3 shapes', async () => {
    const client = open(inject('redisUrl'), { replyMapping: 'resp3' })
    const adapter = new IoRedisAdapter(client)
    const key = `resp3:${crypto.randomUUID()}`
    await client.hset(key, 'a', '1')
    const command = { key, args: ['HGETALL', key] as [string, string] }
    expect(await adapter.send(command)).toEqual(['a', '1'])
  })
})

function reasonOf(refused: () => unknown): unknown {
  try {
    return refused()
  } catch (error) {
    return error
  }
}
