import {
  RedisConnectionError,
  RedisDeploymentNotFoundError,
  type RedisDeploymentService,
  RedisTimeoutError,
} from '@pikku/redis'
import { FaultProxy } from '@pikku/redis-core/testing'
import {
  RawConnection,
  RedisServer,
  uniquePrefix,
  until,
} from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'
import { Log } from '../deployments/fixture.js'
import { RemoteServer } from '../deployments/remote-server.js'

const CONFIG = { heartbeatInterval: 50, heartbeatTtl: 300 }

/** Servers of their own: what happens here happens to everybody on them. */
describe.each(CLIENTS)('a deployment and its Redis, $client', (client) => {
  let redis: RedisServer
  let proxy: FaultProxy
  let remote: RemoteServer
  let service: RedisDeploymentService
  let direct: RedisDeploymentService
  let log: Log

  beforeEach(async () => {
    redis = await RedisServer.start()
    proxy = await FaultProxy.start({ host: redis.host, port: redis.port })
    remote = await RemoteServer.start()
    log = new Log()
    const keyPrefix = uniquePrefix()
    const open = (url: string) =>
      new client.entry.RedisDeploymentService(CONFIG, url, {
        keyPrefix,
        logger: log,
        callTimeoutMs: 1_000,
      })
    service = open(proxy.url)
    direct = open(redis.url)
    await service.start({
      deploymentId: 'd',
      endpoint: remote.endpoint,
      functions: ['f', 'g'],
    })
  })

  afterEach(async () => {
    redis.resume()
    await service.close()
    await direct.close()
    await remote.stop()
    await proxy.close()
    await redis.stop()
  })

  const isFound = async () => {
    for (const name of ['f', 'g']) {
      const error: unknown = await direct.invoke(name, {}).then(
        () => undefined,
        (e: unknown) => e
      )
      if (error === undefined) continue
      expect(error).toBeInstanceOf(RedisDeploymentNotFoundError)
      return false
    }
    return true
  }

  test('FLUSHALL is made good by the next heartbeat', async () => {
    const raw = await RawConnection.open(redis.url)
    await raw.command('FLUSHALL')
    await raw.close()
    await until(isFound)
    await until(async () => log.lines.length > 0)
    expect(log.lines).toEqual([
      "info [pikku-redis] Deployment 'd' had gone, and is back whole",
    ])
  })

  test('an outage for longer than the TTL is made good, and logged once', async () => {
    proxy.refuse()
    await until(async () => !(await isFound()))
    await until(async () => log.lines.length > 0)
    // More heartbeats fail, and say nothing.
    await new Promise((r) => setTimeout(r, 1_500))
    proxy.pass()
    await until(isFound)
    await until(async () => log.lines.length >= 2)
    expect(log.lines).toEqual([
      expect.stringMatching(/^warn .*'d' cannot renew its registration/),
      "info [pikku-redis] Deployment 'd' is registered and renewed again",
    ])
  })

  test('a server that comes back empty has it again', async () => {
    await redis.kill()
    await redis.restart()
    await until(isFound)
  })

  test('close() does not wait for a server that is silent, and never fails', async () => {
    redis.pause()
    const startedAt = performance.now()
    await service.close()
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(log.lines.at(-1)).toMatch(/^warn .*could not be taken away/)
    redis.resume()
    await until(async () => !(await isFound()))
    // Nothing beats any more, and what was on its way did nothing.
    await new Promise((r) => setTimeout(r, 3 * CONFIG.heartbeatInterval))
    expect(await isFound()).toBe(false)
  })

  test('stop() says that it could not take the registration away', async () => {
    redis.pause()
    await expect(service.stop()).rejects.toBeInstanceOf(RedisTimeoutError)
    redis.resume()
    await until(async () => !(await isFound()))
  })

  test('start() says that nobody is there', async () => {
    const lost = new client.entry.RedisDeploymentService(
      CONFIG,
      'redis://127.0.0.1:1',
      { logger: log }
    )
    const started = lost.start({
      deploymentId: 'd',
      endpoint: remote.endpoint,
      functions: ['f'],
    })
    await expect(started).rejects.toBeInstanceOf(RedisConnectionError)
    await lost.close()
  })

  test('replies that are lost change nothing', async () => {
    for (let i = 0; i < 3; i++) {
      await proxy.cutReplyAfter(0)
      await until(isFound)
    }
    const lost = proxy.cutReplyAfter(0)
    await service.start({
      deploymentId: 'd',
      endpoint: remote.endpoint,
      functions: ['f', 'g'],
    })
    await lost
    expect(await isFound()).toBe(true)
  })
})
