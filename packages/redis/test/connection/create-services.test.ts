import {
  RedisClosedError,
  RedisConnectionError,
  RedisOptionsError,
} from '@pikku/redis'
import { RawConnection, RedisServer } from '@pikku/redis-testing'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'

const WIRE = { type: 'test' }
/** One thing of each kind, in Redis. */
const KEYS = [
  'ai:thread-listing:<id>',
  'ai:thread:<id>',
  'ai:threads',
  'ai:threads-by-owner',
  'ai:threads-listed',
  'pikku:channel:c',
  'pikku:credential-kek-salt',
  'pikku:credential-users',
  'pikku:credential-users:c',
  'pikku:deployment-endpoints',
  'pikku:deployment-functions',
  'pikku:deployment:d',
  'pikku:deployments',
  'pikku:fn:f',
  'pikku:kek-salt',
  'pikku:secret:s',
  'pikku:secrets',
  'pikku:session:u',
  'pikku:subs:c',
  'pikku:topic:topic',
  'pikku:user-credentials:u',
  'workflows:index:counts',
  'workflows:index:idle',
  'workflows:index:runs',
  'workflows:layout',
  'workflows:run:<id>',
]
const KEY = 'a key that is long enough for a test'

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

  const create = client.create

  /** Connections to the server, without the one that asks. */
  const connections = async () =>
    String(await raw.command('CLIENT', 'LIST'))
      .trim()
      .split('\n').length - 1

  /** What a person sees in redis-cli, with what is random left out. */
  const keysWithoutIds = async () =>
    ((await raw.command('KEYS', '*')) as string[])
      .map((key) => key.replaceAll(/[0-9a-f]{8}-[-0-9a-f]{27}/g, '<id>'))
      .toSorted()

  test('all services share one connection, and one close() ends it', async () => {
    const services = create(server.url, { secrets: { key: KEY } })
    await services.init()
    const { workflowService, workflowRunService, deploymentService } = services
    const id = await workflowService.createRun('wf', {}, true, 'h', WIRE)
    expect(await workflowRunService.getRun(id)).toMatchObject({ id })
    await services.channelStore.addChannel({
      channelId: 'c',
      channelName: 'chat',
    })
    await services.eventHubStore.subscribe('topic', 'c')
    await services.sessionStore.set('u', { userId: 'u' })
    await services.secrets.setSecret('s', 'secret')
    await services.credentialService.set('c', 'credential', 'u')
    await deploymentService.start({
      deploymentId: 'd',
      endpoint: 'http://localhost',
      functions: ['f'],
    })
    const thread = await services.agentStorage.createThread('owner')
    expect(await services.agentRunService.getThread(thread.id)).toEqual(thread)
    expect(services.agentRunState).toBe(services.agentStorage)
    expect(await connections()).toBe(1)
    expect(await keysWithoutIds()).toEqual(KEYS)
    await services.close()
    await services.close()
    await expect.poll(connections).toBe(0)
    const late = services.sessionStore.get('u')
    await expect(late).rejects.toBeInstanceOf(RedisClosedError)
  })

  test('without a key there is nothing that encrypts', () => {
    const services = create(server.url)
    expect(services).not.toHaveProperty('secrets')
    expect(services).not.toHaveProperty('credentialService')
  })

  test('closing one service leaves the others their connection', async () => {
    const services = create(server.url)
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
      [{ sessions: 7 }, /sessions must be an object/],
      [{ deployments: 7 }, /deployments must be an object/],
      [{ agents: [] }, /agents must be an object/],
      [{ secrets: '' }, /secrets must be an object/],
      [{ workflows: null }, /workflows must be an object/],
      [{ secrets: {} }, /key/],
      [{ deployments: { heartbeat: 1 } }, /heartbeat/],
      [{ agents: { prefix: 'x' } }, /'prefix' is not an option/],
      [{ channels: { ttl: 1 } }, /'ttl' is not an option/],
      [{ workflows: { keyprefix: 'x' } }, /'keyprefix' is not an option/],
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
