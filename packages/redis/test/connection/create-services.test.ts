import {
  RedisClosedError,
  RedisConnectionError,
  RedisOptionsError,
  type RedisServicesOptions,
} from '@pikku/redis'
import { RawConnection, RedisServer } from '@pikku/redis-testing'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'

const WIRE = { type: 'test' }

describe.each(CLIENTS)('createRedisServices over $client', (client) => {
  let server: RedisServer
  let raw: RawConnection

  beforeAll(async () => {
    server = await RedisServer.start()
    raw = await RawConnection.open(server.url)
  })
  afterAll(async () => {
    await raw.close()
    await server.stop()
  })

  const create = (
    connection: unknown = server.url,
    options?: RedisServicesOptions
  ) => client.create(connection, options)

  /** Connections to the server, without the one that asks. */
  const connections = async () =>
    String(await raw.command('CLIENT', 'LIST'))
      .trim()
      .split('\n').length - 1

  test('all services share one connection, and one close() ends it', async () => {
    const services = create()
    await services.init()
    const { workflowService, workflowRunService, sessionStore } = services
    const id = await workflowService.createRun('wf', {}, true, 'h', WIRE)
    expect(await workflowRunService.getRun(id)).toMatchObject({ id })
    await sessionStore.set('u', { userId: 'u' })
    expect(await connections()).toBe(1)
    await services.close()
    await services.close()
    await expect.poll(connections).toBe(0)
    await expect(sessionStore.get('u')).rejects.toBeInstanceOf(RedisClosedError)
  })

  test('closing one service leaves the others their connection', async () => {
    const services = create()
    await services.init()
    await services.workflowService.close()
    await services.sessionStore.set('u', { userId: 'u' })
    expect(await services.sessionStore.get('u')).toEqual({ userId: 'u' })
    await services.close()
  })

  test('channels and topics have the same keys, and close() removes channels', async () => {
    const options = { channels: { keyPrefix: 'ws', leaseMs: 60_000 } }
    const services = create(server.url, options)
    await services.init()
    const { channelStore, eventHubStore } = services
    await channelStore.addChannel({ channelId: 'c', channelName: 'chat' })
    await eventHubStore.subscribe('t', 'c')
    await services.close()
    expect(await raw.command('EXISTS', 'ws:channel:c', 'ws:topic:t')).toBe(0)
  })

  test('a client that the application has stays open', async () => {
    const redis =
      client.client === 'ioredis'
        ? new Redis(server.url)
        : await createClient({ url: server.url }).connect()
    const services = create(redis)
    await services.init()
    await services.close()
    expect(await redis.set('still', 'open')).toBe('OK')
    if (redis instanceof Redis) redis.disconnect()
    else redis.destroy()
  })

  test('options of a family go before those of all', async () => {
    const services = create(server.url, {
      maxValueBytes: 1_024,
      sessions: { keyPrefix: 'mine', maxValueBytes: 4_096 },
      workflows: { keyPrefix: 'flows' },
    })
    await services.init()
    const large = { userId: 'x'.repeat(2_000) }
    await services.sessionStore.set('u', large)
    expect(await raw.command('EXISTS', 'mine:session:u')).toBe(1)
    const { workflowService } = services
    const run = workflowService.createRun('wf', large, true, 'h', WIRE)
    await expect(run).rejects.toThrow(/maxValueBytes is 1024/)
    const id = await workflowService.createRun('wf', {}, true, 'h', WIRE)
    expect(await raw.command('EXISTS', `flows:run:${id}`)).toBe(1)
    await services.close()
  })

  test('bad options are named before anything is sent', () => {
    const bad: Array<[object, RegExp]> = [
      [{ session: {} }, /'session' is not an option: there are .*sessions/],
      [{ sessions: { ttl: 1 } }, /'ttl' is not an option/],
      [{ callTimeoutMs: 0 }, /callTimeoutMs/],
    ]
    for (const [options, message] of bad) {
      expect(() => create(server.url, options)).toThrow(RedisOptionsError)
      expect(() => create(server.url, options)).toThrow(message)
    }
  })

  test('init() says why there is no connection, and can be called again', async () => {
    const stopped = await RedisServer.start()
    const services = create(stopped.url)
    await stopped.kill()
    await expect(services.init()).rejects.toBeInstanceOf(RedisConnectionError)
    await stopped.restart()
    await services.init()
    await services.close()
    await stopped.stop()
  })
})
