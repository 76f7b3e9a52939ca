import { RedisClosedError, RedisWrongTypeError } from '@pikku/redis'
import { IoRedisAdapter } from '@pikku/redis-ioredis'
import { NodeRedisAdapter } from '@pikku/redis-node-redis'
import { until } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, connectionOf } from '../clients.js'
import { CountedAdapter } from '../workflow/counted-adapter.js'
import { CALM, Fixture, HOSTILE, QUICK } from './fixture.js'

const ENDPOINT = 'http://10.0.0.1:4000/base'

describe.each(CLIENTS)('a deployment over $client', (client) => {
  let fixture: Fixture

  beforeEach(async () => {
    fixture = await Fixture.open(client)
  })
  afterEach(() => fixture.end())

  const counted = () => {
    const from = connectionOf(client) as string
    const adapter =
      client.client === 'ioredis'
        ? IoRedisAdapter.from(from)
        : NodeRedisAdapter.from(from)
    fixture.onEnd(() => adapter.close())
    return new CountedAdapter(adapter)
  }
  const over = (connection: unknown, config: object = CALM) =>
    new client.entry.RedisDeploymentService(config, connection, {
      keyPrefix: fixture.keyPrefix,
      logger: fixture.log,
    })

  test('is a hash with an expiry, and is in the index of each function', async () => {
    const service = fixture.create()
    await service.start({
      deploymentId: 'd',
      endpoint: `${ENDPOINT}/`,
      functions: ['f', 'g', 'f'],
    })
    expect(await fixture.hash('d')).toMatchObject({
      endpoint: ENDPOINT,
      functions: '["f","g"]',
    })
    const { raw, keys } = fixture
    const ttl = Number(await raw.command('PTTL', keys.deploymentKey('d')))
    expect(ttl).toBeGreaterThan(CALM.heartbeatTtl - 5_000)
    expect(ttl).toBeLessThanOrEqual(CALM.heartbeatTtl)
    const [seconds] = (await raw.command('TIME')) as string[]
    for (const name of ['f', 'g']) {
      const key = keys.functionKey(name)
      const expiry = Number(await raw.command('ZSCORE', key, 'd'))
      expect(expiry - Number(seconds) * 1_000).toBeGreaterThan(ttl - 1_000)
    }
    await service.stop()
    expect(await fixture.left('d', ['f', 'g'])).toEqual([])
  })

  test.each(HOSTILE)('stands the name %j', async (name) => {
    const service = fixture.create()
    await service.start({
      deploymentId: name,
      endpoint: ENDPOINT,
      functions: [name, `${name}2`],
    })
    expect(await fixture.deploymentsOf(name)).toEqual([name])
    await service.stop()
    expect(await fixture.left(name, [name, `${name}2`])).toEqual([])
  })

  test('registers 500 functions in one call, also for a heartbeat', async () => {
    const adapter = counted()
    const service = over(adapter, QUICK)
    const functions = Array.from({ length: 500 }, (_, n) => `f${n}`)
    await service.init()
    adapter.trips.length = 0
    await service.start({ deploymentId: 'd', endpoint: ENDPOINT, functions })
    // A new server learns the script and tells its clock; then it is one.
    expect(adapter.trips.length).toBeLessThanOrEqual(4)
    await until(async () => adapter.trips.length > 4)
    adapter.trips.length = 0
    await until(async () => adapter.trips.length >= 2)
    for (const [command, ...more] of adapter.trips) {
      expect(more).toEqual([])
      expect(command!.args[0]).toBe('EVALSHA')
    }
    expect(await fixture.deploymentsOf('f499')).toEqual(['d'])
    await service.stop()
    expect(await fixture.left('d', functions)).toEqual([])
  })

  test('that starts again leaves the functions that it no longer has', async () => {
    const service = await fixture.deploy('d', ENDPOINT, ['f', 'g'])
    await service.start({
      deploymentId: 'd',
      endpoint: ENDPOINT,
      functions: ['g', 'h'],
    })
    expect(await fixture.deploymentsOf('f')).toEqual([])
    expect(await fixture.deploymentsOf('g')).toEqual(['d'])
    expect(await fixture.deploymentsOf('h')).toEqual(['d'])
  })

  test('that starts again in another process leaves them, too', async () => {
    await fixture.deploy('d', ENDPOINT, ['f', 'g'])
    await fixture.deploy('d', ENDPOINT, ['g'])
    expect(await fixture.deploymentsOf('f')).toEqual([])
  })

  test('that starts under another id leaves the one before', async () => {
    const service = await fixture.deploy('d', ENDPOINT, ['f'])
    await service.start({
      deploymentId: 'e',
      endpoint: ENDPOINT,
      functions: ['f'],
    })
    expect(await fixture.deploymentsOf('f')).toEqual(['e'])
    expect(await fixture.hash('d')).toEqual({})
  })

  test('without functions takes those that the engine has', async () => {
    const service = fixture.create()
    await service.start({ deploymentId: 'd', endpoint: ENDPOINT })
    const { functions } = await fixture.hash('d')
    expect(JSON.parse(String(functions))).toBeInstanceOf(Array)
  })

  test('is renewed while it lives, and is whole again whatever went missing', async () => {
    const service = fixture.create(QUICK)
    const { raw, keys, log } = fixture
    const functions = ['f', 'g']
    await service.start({ deploymentId: 'd', endpoint: ENDPOINT, functions })
    const before = await fixture.hash('d')
    const all = await fixture.left('d', functions)
    expect(all).toHaveLength(6)
    for (const key of all) {
      await raw.command('DEL', key)
      await until(
        async () => (await fixture.left('d', functions)).length === all.length
      )
    }
    expect(await fixture.hash('d')).toEqual(before)
    await new Promise((r) => setTimeout(r, 2 * QUICK.heartbeatTtl))
    expect(await fixture.deploymentsOf('g')).toEqual(['d'])
    expect(await fixture.hash('d')).toEqual(before)
    expect(log.lines).toEqual([
      "info [pikku-redis] Deployment 'd' had gone, and is back whole",
    ])
    await service.stop()
    expect(await raw.command('EXISTS', keys.deploymentKey('d'))).toBe(0)
  })

  test('a heartbeat says once that it fails, and once that it works again', async () => {
    const service = fixture.create(QUICK)
    const { raw, keys, log } = fixture
    const key = keys.functionKey('f')
    await service.start({
      deploymentId: 'd',
      endpoint: ENDPOINT,
      functions: ['f'],
    })
    await raw.command('SET', key, 'not an index')
    await until(async () => log.lines.length === 1)
    await new Promise((r) => setTimeout(r, 5 * QUICK.heartbeatInterval))
    expect(log.lines).toEqual([
      expect.stringMatching(
        /^warn .*'d' cannot renew its registration.*400 ms/
      ),
    ])
    expect(log.lines[0]).toContain(key)
    await raw.command('DEL', key)
    await until(async () => log.lines.length === 2)
    expect(log.lines[1]).toMatch(/^info .*'d' is registered and renewed again/)
    expect(await fixture.deploymentsOf('f')).toEqual(['d'])
  })

  test('the logger needs no info, and may fail', async () => {
    let lines = 0
    const warn = () => {
      lines++
      throw new Error('the disk is full')
    }
    const service = fixture.create(QUICK, { logger: { warn } })
    await service.start({
      deploymentId: 'd',
      endpoint: ENDPOINT,
      functions: ['f'],
    })
    await fixture.raw.command('DEL', fixture.keys.deploymentKey('d'))
    await until(async () => lines === 1)
    expect(await fixture.hash('d')).toMatchObject({ endpoint: ENDPOINT })
  })

  test('start() fails with the first registration, and then nothing beats', async () => {
    const service = fixture.create(QUICK)
    const { raw, keys, log } = fixture
    await raw.command('SET', keys.functionKey('f'), 'not an index')
    const deployment = { deploymentId: 'd', endpoint: ENDPOINT }
    const started = service.start({ ...deployment, functions: ['f'] })
    await expect(started).rejects.toBeInstanceOf(RedisWrongTypeError)
    await raw.command('DEL', keys.functionKey('f'))
    await new Promise((r) => setTimeout(r, 3 * QUICK.heartbeatInterval))
    expect(await fixture.deploymentsOf('f')).toEqual([])
    expect(log.lines).toEqual([])
  })

  test('heartbeats do not overlap', async () => {
    const adapter = counted()
    const service = over(adapter, {
      heartbeatInterval: 10,
      heartbeatTtl: 5_000,
    })
    const deployment = { deploymentId: 'd', endpoint: ENDPOINT }
    await service.start({ ...deployment, functions: ['f'] })
    let go = () => {}
    adapter.gate = new Promise<void>((resolve) => (go = resolve))
    adapter.trips.length = 0
    await until(async () => adapter.trips.length === 1)
    await new Promise((r) => setTimeout(r, 200))
    expect(adapter.trips).toHaveLength(1)
    go()
    await until(async () => adapter.trips.length > 2)
    await service.stop()
  })

  test('a heartbeat ends with the next start(), and with stop()', async () => {
    const adapter = counted()
    const service = over(adapter, QUICK)
    const deployment = { deploymentId: 'd', endpoint: ENDPOINT }
    await service.start({ ...deployment, functions: ['f'] })
    await service.start({ ...deployment, functions: ['g'] })
    await new Promise((r) => setTimeout(r, 4 * QUICK.heartbeatInterval))
    // The one before would find that another start followed, and say so.
    expect(fixture.log.lines).toEqual([])
    await service.stop()
    adapter.trips.length = 0
    await new Promise((r) => setTimeout(r, 4 * QUICK.heartbeatInterval))
    expect(adapter.trips).toEqual([])
  })

  test('a heartbeat that arrives after stop() brings nothing back', async () => {
    const adapter = counted()
    const service = over(adapter, QUICK)
    const deployment = { deploymentId: 'd', endpoint: ENDPOINT }
    await service.start({ ...deployment, functions: ['f'] })
    adapter.trips.length = 0
    await until(async () => adapter.trips.length > 0)
    const [late] = adapter.trips[0]!
    await service.stop()
    expect(await adapter.send(late!)).toEqual(['stopped'])
    expect(await fixture.left('d', ['f'])).toEqual([])
  })

  test('stop() twice is stop() once, and start() works after it on what is shared', async () => {
    const service = over(counted())
    const config = { deploymentId: 'd', endpoint: ENDPOINT, functions: ['f'] }
    await service.stop()
    await service.start(config)
    await Promise.all([service.stop(), service.stop()])
    await service.stop()
    expect(await fixture.left('d', ['f'])).toEqual([])
    await service.start(config)
    expect(await fixture.deploymentsOf('f')).toEqual(['d'])
    await service.stop()
    expect(await fixture.left('d', ['f'])).toEqual([])
  })

  test('stop() waits for a start() under way', async () => {
    const service = fixture.create()
    const config = { deploymentId: 'd', endpoint: ENDPOINT, functions: ['f'] }
    await Promise.all([service.start(config), service.stop()])
    expect(await fixture.left('d', ['f'])).toEqual([])
  })

  test.each(['stop', 'close'] as const)(
    '%s() ends a connection of its own, and takes the registration with it',
    async (end) => {
      const service = await fixture.deploy('d', ENDPOINT, ['f'])
      await service[end]()
      expect(await fixture.left('d', ['f'])).toEqual([])
      const config = { deploymentId: 'd', endpoint: ENDPOINT, functions: ['f'] }
      await expect(service.start(config)).rejects.toBeInstanceOf(
        RedisClosedError
      )
    }
  )

  test('the stop of an old process leaves the new one its registration', async () => {
    const [first, second] = ['http://10.0.0.1:1', 'http://10.0.0.1:2']
    const old = await fixture.deploy('d', first, ['f'])
    const started = await fixture.deploy('d', second, ['f', 'g'])
    await old.stop()
    expect(await fixture.hash('d')).toMatchObject({ endpoint: second })
    expect(await fixture.deploymentsOf('f')).toEqual(['d'])
    await started.stop()
    expect(await fixture.left('d', ['f', 'g'])).toEqual([])
  })

  test('the heartbeats of an old process wait until the new one is gone', async () => {
    const [first, second] = ['http://10.0.0.1:1', 'http://10.0.0.1:2']
    const old = fixture.create(QUICK)
    const functions = ['f']
    await old.start({ deploymentId: 'd', endpoint: first, functions })
    const { raw, keys, log } = fixture
    const started = await fixture.deploy('d', second, functions)
    await until(async () => log.lines.length === 1)
    expect(log.lines[0]).toMatch(/^warn .*'d' was started by another process/)
    await new Promise((r) => setTimeout(r, QUICK.heartbeatTtl))
    expect(await fixture.hash('d')).toMatchObject({ endpoint: second })
    expect(log.lines).toHaveLength(1)
    // As it is when the new one was killed and its TTL has passed.
    await raw.command('DEL', keys.deploymentKey('d'))
    await until(async () => log.lines.length === 2)
    expect(log.lines[1]).toMatch(/^info .*'d' is registered and renewed again/)
    expect(await fixture.hash('d')).toMatchObject({ endpoint: first })
    await started.stop()
    expect(await fixture.hash('d')).toMatchObject({ endpoint: first })
  })

  test('what a dead deployment left is taken away by the heartbeats of others', async () => {
    const { raw, keys } = fixture
    const dead = fixture.create({ heartbeatInterval: 199, heartbeatTtl: 200 })
    const deployment = { deploymentId: 'dead', endpoint: ENDPOINT }
    // Its heartbeats fail: as good as a process that is gone.
    await dead.start({ ...deployment, functions: ['only', 'f'] })
    await dead.adapter.close()
    await until(
      async () => (await fixture.hash('dead'))['endpoint'] === undefined
    )
    expect(await fixture.deploymentsOf('only')).toEqual(['dead'])
    const living = fixture.create(QUICK)
    await living.start({ ...deployment, deploymentId: 'd', functions: ['f'] })
    expect(await fixture.deploymentsOf('f')).toEqual(['d'])
    await until(async () => (await fixture.deploymentsOf('only')).length === 0)
    const ids = await raw.command('ZRANGE', keys.deployments, '0', '-1')
    expect(ids).toEqual(['d'])
    expect(await raw.command('HKEYS', keys.endpoints)).toEqual(['d'])
    expect(await raw.command('HKEYS', keys.functionLists)).toEqual(['d'])
    await until(async () => fixture.log.lines.length > 0)
    expect(fixture.log.lines).toEqual([
      expect.stringMatching(/'dead' cannot renew its registration.*closed/),
    ])
  })

  test('what a dead deployment left and cannot be taken away harms nobody', async () => {
    const { raw, keys, log } = fixture
    await raw.command('ZADD', keys.deployments, '1000', 'dead')
    await raw.command('HSET', keys.functionLists, 'dead', '["broken"]')
    await raw.command('SET', keys.functionKey('broken'), 'not an index')
    const service = fixture.create(QUICK)
    const deployment = { deploymentId: 'd', endpoint: ENDPOINT }
    await service.start({ ...deployment, functions: ['f'] })
    await new Promise((r) => setTimeout(r, 2 * QUICK.heartbeatTtl))
    expect(await fixture.deploymentsOf('f')).toEqual(['d'])
    expect(log.lines).toEqual([])
  })

  test('a stored list of functions that is none does not stop a start', async () => {
    const { raw, keys } = fixture
    for (const list of ['{broken', '7', '[1,null,"",{}]']) {
      const key = keys.deploymentKey('d')
      await raw.command('DEL', key)
      await raw.command('HSET', key, 'functions', list)
      await fixture.deploy('d', ENDPOINT, ['f'])
      expect(await fixture.deploymentsOf('f')).toEqual(['d'])
    }
  })
})
