import { RedisSentinels, until } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'
import { Log } from '../deployments/fixture.js'
import { RemoteServer } from '../deployments/remote-server.js'

const CONFIG = { heartbeatInterval: 100, heartbeatTtl: 1_000 }

describe.each(CLIENTS)('a deployment in a failover, $client', (client) => {
  let sentinels: RedisSentinels
  let remote: RemoteServer

  beforeEach(async () => {
    sentinels = await RedisSentinels.start({ replicas: 1 })
    remote = await RemoteServer.start()
  })
  afterEach(async () => {
    await remote.stop()
    await sentinels.stop()
  })

  test('is found at the new master, though it was down longer than the TTL', async () => {
    const { name, addresses } = sentinels
    const connection =
      client.client === 'ioredis'
        ? { name, sentinels: addresses }
        : { name, sentinelRootNodes: addresses }
    const log = new Log()
    const service = new client.entry.RedisDeploymentService(
      CONFIG,
      connection,
      { keyPrefix: 'failover', logger: log }
    )
    await service.start({
      deploymentId: 'd',
      endpoint: remote.endpoint,
      functions: ['f', 'g'],
    })
    const [master] = sentinels.servers
    await master!.kill()
    await sentinels.failedOverFrom(master!)
    await until(async () =>
      Promise.all([service.invoke('f', {}), service.invoke('g', {})]).then(
        () => true,
        () => false
      )
    )
    expect(remote.requests.length).toBeGreaterThan(1)
    await service.close()
  }, 120_000)
})
