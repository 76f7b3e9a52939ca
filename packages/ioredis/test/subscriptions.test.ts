import { randomUUID } from 'node:crypto'
import { RedisClosedError, RedisConnectionError } from '@pikku/redis-core'
import { RedisServer, until } from '@pikku/redis-testing'
import { Redis } from 'ioredis'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { IoRedisAdapter } from '../src/index.js'

// Of its own: connections are killed, and the server is restarted.
const server = await RedisServer.start()
afterAll(() => server.stop())

describe('subscriptions of the ioredis adapter', () => {
  const opened: Array<{ disconnect(): unknown }> = []
  const shared = (options: object) => {
    const client = new Redis(server.url, options)
    client.on('error', () => {})
    opened.push(client)
    return client
  }

  afterEach(() => {
    for (const client of opened.splice(0)) client.disconnect()
  })

  const publish = (client: Redis, channel: string) =>
    client.publish(channel, 'hello')

  test('one made beside open() comes back when its connection breaks', async () => {
    const adapter = new IoRedisAdapter(server.url)
    const channel = randomUUID()
    const received: string[] = []
    await Promise.all([
      adapter.open(),
      adapter.subscribe(channel, (message) => received.push(message)),
    ])
    const client = shared({})
    await client.client('KILL', 'TYPE', 'PUBSUB')
    await until(async () => (await publish(client, channel)) === 1)
    await expect.poll(() => received).toContain('hello')
    await adapter.close()
  })

  test('a client without an offline queue can subscribe at once', async () => {
    for (const connection of [
      shared({ enableOfflineQueue: false }),
      { port: server.port, host: server.host, enableOfflineQueue: false },
    ]) {
      if (connection instanceof Redis) {
        await new Promise((resolve) => connection.once('ready', resolve))
      }
      const adapter = new IoRedisAdapter(connection)
      await adapter.open()
      const channel = randomUUID()
      await adapter.subscribe(channel, () => {})
      expect(await publish(shared({}), channel)).toBe(1)
      await adapter.close()
    }
  })

  test('one that gave up is made anew, for all that is listened to', async () => {
    const retryStrategy = (times: number) => (times > 2 ? null : 1)
    const client = shared({ retryStrategy, maxRetriesPerRequest: 0 })
    const adapter = new IoRedisAdapter(client)
    const [first, second] = [randomUUID(), randomUUID()]
    const received: string[] = []
    const unsubscribe = await adapter.subscribe(first, (message) =>
      received.push(message)
    )
    const ended = new Promise((resolve) => client.once('end', resolve))
    await server.kill()
    await ended
    const failure = adapter.subscribe(second, () => {})
    await expect(failure).rejects.toBeInstanceOf(RedisConnectionError)
    await server.restart()
    await client.connect()
    await adapter.subscribe(second, () => {})
    expect(await publish(client, second)).toBe(1)
    expect(await publish(client, first)).toBe(1)
    await expect.poll(() => received).toEqual(['hello'])
    await unsubscribe()
    expect(await publish(client, first)).toBe(0)
    await adapter.close()
  })

  test('after close a shared client is not subscribed with either', async () => {
    const client = shared({})
    const adapter = new IoRedisAdapter(client)
    await adapter.open()
    await adapter.close()
    const channel = randomUUID()
    const late = adapter.subscribe(channel, () => {})
    await expect(late).rejects.toBeInstanceOf(RedisClosedError)
    await expect(adapter.open()).rejects.toBeInstanceOf(RedisClosedError)
    expect(await publish(client, channel)).toBe(0)
  })
})
