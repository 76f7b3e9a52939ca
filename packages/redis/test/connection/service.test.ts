import { inspect } from 'node:util'
import {
  RedisConnectionError,
  RedisLayoutError,
  RedisOptionsError,
} from '@pikku/redis'
import {
  CommandCounter,
  RawConnection,
  RedisServer,
  uniquePrefix,
} from '@pikku/redis-testing'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { CLIENTS, openService } from '../clients.js'

const WIRE = { type: 'test' }
const queue = { supportsResults: false, add: async () => 'id' }

describe.each(CLIENTS)('the service over $client', (client) => {
  const { Service } = client
  let raw: RawConnection

  beforeAll(async () => {
    raw = await RawConnection.open(inject('redisUrl'))
  })

  afterAll(async () => {
    await raw.close()
  })

  const shared = async () => {
    if (client.client === 'ioredis') {
      const redis = new Redis(inject('redisUrl'))
      return { redis, end: async () => redis.disconnect() }
    }
    const redis = await createClient({ url: inject('redisUrl') }).connect()
    return { redis, end: async () => redis.destroy() }
  }

  test('every constructor form works, with its keys where it says', async () => {
    const { redis, end } = await shared()
    const url = inject('redisUrl')
    const { hostname: host, port } = new URL(url)
    const options =
      client.client === 'ioredis'
        ? { host, port: Number(port) }
        : { socket: { host, port: Number(port) } }
    const prefix = uniquePrefix()
    const adapter = new Service(url, { keyPrefix: prefix }).adapter
    const forms: unknown[][] = [
      [redis, queue, prefix],
      [redis, undefined, prefix],
      [redis, prefix],
      [redis, prefix, { queueConcurrency: 3 }],
      [redis, { keyPrefix: prefix, lock: { ttlMs: 1_000 } }],
      [redis, undefined, { keyPrefix: prefix }],
      [url, prefix],
      [options, prefix],
      [adapter, prefix],
    ]
    for (const form of forms) {
      const service = new Service(...form)
      await service.init()
      const id = await service.createRun('wf', {}, true, 'h', WIRE)
      expect(await raw.command('EXISTS', `${prefix}:run:${id}`)).toBe(1)
      await service.close()
    }
    await end()
  })

  test('the prefix is workflows if nobody says another', async () => {
    const service = new Service(inject('redisUrl'))
    const id = await service.createRun('wf', {}, true, 'h', WIRE)
    expect(await raw.command('EXISTS', `workflows:run:${id}`)).toBe(1)
    await service.close()
  })

  test('bad arguments and options are named before anything is sent', () => {
    const url = inject('redisUrl')
    const bad: Array<[unknown[], RegExp]> = [
      [[url, { keyprefix: 'x' }], /'keyprefix' is not an option/],
      [[url, { keyPrefix: '' }], /keyPrefix/],
      [[url, ''], /keyPrefix/],
      [[url, { keyPrefix: 7 }], /keyPrefix/],
      [[url, { partitions: 0 }], /partitions/],
      [[url, { partitions: 4, keyPrefix: '{a}' }], /brace/],
      [[url, { lock: { ttlMs: -1 } }], /lock\.ttlMs/],
      [[url, { lock: { ttl: 1 } }], /lock\.ttl is not an option/],
      [[url, { queue: {} }], /queue/],
      [[url, queue, 7], /third argument/i],
      [[url, 7], /options must be an object/],
      [[url, {}, 'x'], /no further argument/],
      [[7], /connection/],
      [[''], /connection/],
    ]
    for (const [args, message] of bad) {
      expect(() => new Service(...args)).toThrow(RedisOptionsError)
      expect(() => new Service(...args)).toThrow(message)
    }
  })

  test('a prefix with another layout is refused, not misread', async () => {
    const keyPrefix = uniquePrefix()
    const first = await openService(client, { keyPrefix, partitions: 4 })
    const same = await openService(client, { keyPrefix, partitions: 4 })
    const other = new Service(inject('redisUrl'), { keyPrefix })
    await expect(other.init()).rejects.toBeInstanceOf(RedisLayoutError)
    await expect(other.init()).rejects.toThrow(keyPrefix)
    for (const service of [first, same, other]) await service.close()
  })

  test('partitions put all keys of a run under one hash tag', async () => {
    const keyPrefix = uniquePrefix()
    const service = await openService(client, { keyPrefix, partitions: 4 })
    const id = await service.createRun('wf', {}, true, 'h', WIRE)
    const step = await service.insertStepState(id, 'a {b}', 'rpc', {})
    await service.withRunLock(id, async () => {
      await service.updateRunState(id, 'x', 1)
      await service.setStepResult(step.stepId, 1)
    })
    expect(await service.getNodeResults(id, ['a {b}'])).toEqual({ 'a {b}': 1 })
    const keys = (await raw.command('KEYS', `*${id}*`)) as string[]
    expect(keys.length).toBeGreaterThan(3)
    const tags = keys.map((key) => /\{(.*?)\}/.exec(key)?.[1])
    expect(new Set(tags).size).toBe(1)
    expect(tags[0]).toMatch(/^[0-3]$/)
    await service.close()
  })

  test('a stopped server, and then a started one, at init', async () => {
    const server = await RedisServer.start()
    await server.kill()
    const service = new Service(server.url, { keyPrefix: uniquePrefix() })
    const started = performance.now()
    const failure = service.init()
    await expect(failure).rejects.toBeInstanceOf(RedisConnectionError)
    await expect(failure).rejects.toThrow(`127.0.0.1:${server.port}`)
    expect(performance.now() - started).toBeLessThan(5_000)
    await server.restart()
    await service.init()
    await service.close()
    await service.close()
    await server.stop()
  })

  test('a wrong password is a clear error without the password', async () => {
    const server = await RedisServer.start({ args: ['--requirepass', 'right'] })
    for (const user of [':wr0ng-secret@', '']) {
      const url = server.url.replace('redis://', `redis://${user}`)
      const service = new Service(url)
      const error = await service.init().catch((e: Error) => e)
      expect(String(error)).toMatch(/WRONGPASS|NOAUTH/)
      // What a logger writes, with causes and whatever a client hangs on them.
      expect(inspect(error, { depth: null })).not.toContain('wr0ng-secret')
      await service.close()
    }
    await server.stop()
  })

  test('a run after SCRIPT FLUSH and a server restart goes on', async () => {
    const server = await RedisServer.start({
      args: ['--appendonly', 'yes', '--appendfsync', 'always'],
    })
    const service = new Service(server.url)
    await service.init()
    const id = await service.createRun('wf', {}, true, 'h', WIRE)
    const control = await RawConnection.open(server.url)
    await control.command('SCRIPT', 'FLUSH')
    const step = await service.insertStepState(id, 's', 'rpc', {})
    await control.close()
    await server.restart()
    await service.setStepResult(step.stepId, 'after')
    expect(await service.getNodeResults(id, ['s'])).toEqual({ s: 'after' })
    await service.close()
    await server.stop()
  })

  test('reads cost the same whatever else is stored', async () => {
    const server = await RedisServer.start()
    const service = new Service(server.url)
    await service.init()
    const id = await service.createRun('wf', {}, true, 'h', WIRE)
    for (let i = 0; i < 10; i++) {
      const step = await service.insertStepState(id, `s${i}`, 'rpc', {})
      await service.setStepResult(step.stepId, i)
    }
    const control = await RawConnection.open(server.url)
    await control.command(
      'EVAL',
      "for i = 1, 20000 do redis.call('SET', 'workflows:step:x:' .. i, i) end",
      '0'
    )
    await control.close()
    const counter = await CommandCounter.start(server.url)
    await service.getRunHistory(id)
    await service.getStepInstances(id)
    await service.getCompletedGraphState(id)
    // A replay's next question is for the run: it comes along.
    await service['listStepStates'](id)
    expect((await counter.stop()).calls).toEqual({
      lrange: 4,
      hgetall: 1,
    })
    await service.close()
    await server.stop()
  })
})
