import { randomUUID } from 'node:crypto'
import { RedisClosedError, RedisConnectionError } from '@pikku/redis-core'
import { RedisCluster, RedisServer } from '@pikku/redis-testing'
import { createClient, createCluster } from 'redis'
import { afterAll, describe, expect, test } from 'vitest'
import { NodeRedisAdapter } from '../src/index.js'

// Of its own: it is restarted.
const server = await RedisServer.start()
afterAll(() => server.stop())

async function connected(reconnectStrategy?: () => Error) {
  const socket = reconnectStrategy ? { reconnectStrategy } : {}
  const client = createClient({ url: server.url, socket })
  client.on('error', () => {})
  await client.connect()
  return client
}

describe('subscriptions of the node-redis adapter', () => {
  test('one that gave up is made anew, for all that is listened to', async () => {
    const client = await connected(() => new Error('gave up'))
    const adapter = new NodeRedisAdapter(client)
    const [first, second] = [randomUUID(), randomUUID()]
    const received: string[] = []
    const unsubscribe = await adapter.subscribe(first, (message) =>
      received.push(message)
    )
    await server.kill()
    await expect.poll(() => client.isOpen).toBe(false)
    const failure = adapter.subscribe(second, () => {})
    await expect(failure).rejects.toBeInstanceOf(RedisConnectionError)
    await server.restart()
    await client.connect()
    await adapter.subscribe(second, () => {})
    expect(await client.publish(second, 'hello')).toBe(1)
    expect(await client.publish(first, 'hello')).toBe(1)
    await expect.poll(() => received).toEqual(['hello'])
    await unsubscribe()
    expect(await client.publish(first, 'hello')).toBe(0)
    await adapter.close()
    await client.close()
  })

  test('after close a shared client is not subscribed with either', async () => {
    const cluster = await RedisCluster.start()
    const rootNodes = cluster.urls.map((url) => ({ url }))
    const clients = [await connected(), createCluster({ rootNodes })] as const
    await clients[1].connect()
    for (const client of clients) {
      const adapter = new NodeRedisAdapter(client)
      await adapter.open()
      const racing = adapter.subscribe(randomUUID(), () => {})
      const outcome = racing.catch((error: unknown) => error)
      await adapter.close()
      const late = adapter.subscribe(randomUUID(), () => {})
      await expect(late).rejects.toBeInstanceOf(RedisClosedError)
      await expect(adapter.open()).rejects.toBeInstanceOf(RedisClosedError)
      expect(await outcome).toBeInstanceOf(RedisClosedError)
    }
    for (const { raw } of cluster.masters) {
      expect(await raw.command('PUBSUB', 'CHANNELS')).toEqual([])
    }
    await Promise.all(clients.map((client) => client.close()))
    await cluster.stop()
  })
})
