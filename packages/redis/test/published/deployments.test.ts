import { RedisDeploymentNotFoundError } from '@pikku/redis'
import { RedisDeploymentService as Published } from '@pikku/redis-published'
import { RawConnection, uniquePrefix, until } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { CLIENTS } from '../clients.js'
import { Log, QUICK } from '../deployments/fixture.js'
import { RemoteServer } from '../deployments/remote-server.js'

const CONFIG = { heartbeatInterval: 200, heartbeatTtl: 2_000 }

/** The service published today, its real code from npm, beside this one. */
describe.each(CLIENTS)('deployments of 0.12.18 and $client', (client) => {
  const url = inject('redisUrl')
  let keyPrefix: string
  let server: RemoteServer
  let other: RemoteServer
  let log: Log
  let ends: Array<() => Promise<unknown>>

  const published = () => {
    const service = new Published(CONFIG, url, keyPrefix)
    // Its stop() can be called once only: it closes the connection.
    let stopped: Promise<void> | undefined
    const stop = () => (stopped ??= service.stop())
    ends.push(stop)
    return { service, stop }
  }
  const ours = (config: object = CONFIG) => {
    const service = new client.entry.RedisDeploymentService(config, url, {
      keyPrefix,
      logger: log,
    })
    ends.push(() => service.close())
    return service
  }
  const at = (deploymentId: string, { endpoint }: RemoteServer) => ({
    deploymentId,
    endpoint,
    functions: ['f:x', 'g'],
  })

  beforeEach(async () => {
    keyPrefix = uniquePrefix('rolling')
    ends = []
    log = new Log()
    server = await RemoteServer.start()
    other = await RemoteServer.start()
  })
  afterEach(async () => {
    await Promise.all(ends.map((end) => end()))
    await server.stop()
    await other.stop()
  })

  test('this one finds and calls what 0.12.18 registered', async () => {
    const { service, stop } = published()
    const caller = ours()
    await service.start(at('old', server))
    expect(await caller.invoke('f:x', { a: 1 })).toBe(server.port)
    expect(server.requests[0]).toMatchObject({
      url: '/remote/rpc/f%3Ax',
      body: '{"data":{"a":1}}',
    })
    await stop()
    await expect(caller.invoke('g', {})).rejects.toBeInstanceOf(
      RedisDeploymentNotFoundError
    )
  })

  test('0.12.18 finds and calls what this one registered', async () => {
    const service = ours()
    const caller = published().service
    await service.start({
      ...at('new', server),
      endpoint: `${server.endpoint}/`,
    })
    expect(await caller.invoke('f:x', { a: 1 })).toBe(server.port)
    expect(server.requests[0]).toMatchObject({ url: '/remote/rpc/f%3Ax' })
    await service.stop()
    await expect(caller.invoke('g', {})).rejects.toThrow(
      "No deployment found for function 'g'"
    )
  })

  test('both at once are called alike', async () => {
    await published().service.start(at('old', server))
    await ours().start(at('new', other))
    const caller = ours()
    for (let i = 0; i < 40; i++) await caller.invoke('g', {})
    expect(server.requests.length).toBeGreaterThan(0)
    expect(other.requests.length).toBeGreaterThan(0)
  })

  test('one that starts under the id of 0.12.18 is called from then on', async () => {
    const { service, stop } = published()
    const caller = ours()
    await service.start(at('d', server))
    await ours(QUICK).start({ ...at('d', other), functions: ['g'] })
    for (let i = 0; i < 5; i++) {
      expect(await caller.invoke('g', {})).toBe(other.port)
    }
    // 0.12.18 takes away what is there under its id; a heartbeat brings it back.
    await stop()
    await until(async () =>
      caller.invoke('g', {}).then(
        (port) => port === other.port,
        () => false
      )
    )
    await expect(caller.invoke('f:x', {})).rejects.toBeInstanceOf(
      RedisDeploymentNotFoundError
    )
  })

  test('one of 0.12.18 that starts under an id is called from then on, and kept', async () => {
    const service = ours(QUICK)
    const caller = ours()
    await service.start(at('d', server))
    await published().service.start(at('d', other))
    await until(async () => log.lines.length > 0)
    expect(log.lines[0]).toMatch(/'d' was started by another process/)
    // The index is written by 0.12.18 alone now, so its endpoint is the one.
    await until(async () => (await caller.invoke('g', {})) === other.port)
    await service.stop()
    for (let i = 0; i < 5; i++) {
      expect(await caller.invoke('g', {})).toBe(other.port)
    }
  })

  test('dead entries of 0.12.18 go when somebody registers', async () => {
    const raw = await RawConnection.open(url)
    const index = `${keyPrefix}:fn:g`
    await raw.command('ZADD', index, '1000', 'long-dead')
    await ours().start(at('d', server))
    expect(await raw.command('ZRANGE', index, '0', '-1')).toEqual(['d'])
    await raw.close()
  })
})
