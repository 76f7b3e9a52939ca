import { inspect } from 'node:util'
import { RedisConnectionError, RedisOptionsError } from '@pikku/redis-core'
import { RedisCluster, RedisSentinels, RedisServer } from '@pikku/redis-testing'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { describe, expect, inject, test, vi } from 'vitest'
import { NodeRedisAdapter } from '../src/index.js'

describe('connections of the node-redis adapter', () => {
  test('a client of the application is shared and never closed', async () => {
    const client = createClient({ url: inject('redisUrl') })
    await client.connect()
    const adapter = new NodeRedisAdapter(client)
    await adapter.open()
    await adapter.close()
    expect(await client.ping()).toBe('PONG')
    expect(adapter.client).toBe(client)
    await client.close()
  })

  test('a shared client that is not connected is a clear error', async () => {
    const adapter = new NodeRedisAdapter(createClient())
    await expect(adapter.open()).rejects.toBeInstanceOf(RedisConnectionError)
    await expect(adapter.open()).rejects.toThrow(/client\.connect\(\)/)
    await adapter.close()
  })

  test('a server that accepts and says nothing is an error in the connect timeout', async () => {
    const server = await RedisServer.start()
    server.pause()
    const adapter = new NodeRedisAdapter({
      url: server.url,
      socket: { connectTimeout: 300 },
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

  test('a connection that is made here gives no command a timeout, unless its options do', async () => {
    const cluster = await RedisCluster.start()
    const sentinels = await RedisSentinels.start({ replicas: 0 })
    const rootNodes = cluster.urls.map((url) => ({ url }))
    const sentinelRootNodes = sentinels.addresses
    try {
      for (const options of [
        { url: inject('redisUrl') },
        { rootNodes },
        { name: sentinels.name, sentinelRootNodes },
      ]) {
        expect(await timeoutsOf(options)).toEqual([])
        const commandOptions = { timeout: 1_234 }
        const asked = await timeoutsOf({ ...options, commandOptions })
        expect(asked).toEqual([1_234, 1_234])
      }
    } finally {
      await Promise.all([cluster.stop(), sentinels.stop()])
    }
  })

  test('a client that adds a keyPrefix of its own is refused', () => {
    const client = createClient({ keyPrefix: 'app:' })
    expect(() => new NodeRedisAdapter(client)).toThrow(RedisOptionsError)
    expect(() => new NodeRedisAdapter(client)).toThrow(/keyPrefix 'app:'/)
    expect(() => new NodeRedisAdapter({ keyPrefix: 'app:' })).toThrow(
      /keyPrefix/
    )
  })

  test('a client of ioredis is refused with the way to go', () => {
    const client = new Redis({ lazyConnect: true }) as unknown as undefined
    expect(() => new NodeRedisAdapter(client)).toThrow(RedisOptionsError)
    expect(() => new NodeRedisAdapter(client)).toThrow(/'@pikku\/redis'/)
  })

  test('a bad connection string is refused without repeating it', () => {
    for (const url of [
      'redis://:secret@host:99999',
      'redis://:sec%ret-secret@host',
      'mysql://u:secret@host:1',
      'not a url :secret@',
    ]) {
      for (const bad of [url, { url }, { rootNodes: [{ url }] }]) {
        const error = reasonOf(() => new NodeRedisAdapter(bad))
        expect(error).toBeInstanceOf(RedisOptionsError)
        expect(inspect(error, { depth: null })).not.toContain('secret')
      }
    }
  })

  test('a client whose reconnectStrategy gave up is connected by the next call', async () => {
    const server = await RedisServer.start()
    const reconnectStrategy = (retries: number) =>
      retries > 1 ? new Error('gave up') : 1
    const adapter = new NodeRedisAdapter({
      url: server.url,
      socket: { reconnectStrategy },
    })
    const ping = { key: null, args: ['PING'] as [string] }
    await adapter.open()
    await server.kill()
    await expect.poll(() => adapter.client.isOpen).toBe(false)
    await expect(adapter.send(ping)).rejects.toThrow(RedisConnectionError)
    await server.restart()
    const calls = [adapter.send(ping), adapter.open(), adapter.sendAll([ping])]
    expect(await Promise.all(calls)).toEqual(['PONG', undefined, ['PONG']])
    await adapter.close()
    await server.stop()
  })

  test('maps stay flat for RESP2 and for a type mapping of the client', async () => {
    const key = `shapes:${crypto.randomUUID()}`
    for (const options of [
      { RESP: 2 as const },
      { RESP: 3 as const, commandOptions: { typeMapping: { 36: Buffer } } },
    ]) {
      const adapter = new NodeRedisAdapter({
        url: inject('redisUrl'),
        ...options,
      })
      await adapter.open()
      await adapter.send({ key, args: ['HSET', key, 'a', '1'] })
      const reply = await adapter.send({ key, args: ['HGETALL', key] })
      expect(reply).toEqual(['a', '1'])
      await adapter.close()
    }
  })
})

/** The timeouts, in ms, that node-redis gives a command over this connection. */
async function timeoutsOf(
  options: ConstructorParameters<typeof NodeRedisAdapter>[0]
): Promise<number[]> {
  const adapter = new NodeRedisAdapter(options)
  await adapter.open()
  const timeout = vi.spyOn(AbortSignal, 'timeout')
  try {
    await adapter.send({ key: 'key', args: ['GET', 'key'] })
    await adapter.sendAll([{ key: 'key', args: ['GET', 'key'] }])
    return timeout.mock.calls.map(([ms]) => ms)
  } finally {
    timeout.mockRestore()
    await adapter.close()
  }
}

function reasonOf(refused: () => unknown): unknown {
  try {
    return refused()
  } catch (error) {
    return error
  }
}
