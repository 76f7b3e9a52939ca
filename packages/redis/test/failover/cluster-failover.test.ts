import { KeySchema } from '@pikku/redis-core'
import { RedisCluster } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, connectionTo, openService, type Service } from '../clients.js'
import { Load } from '../load.js'

const CALL_TIMEOUT_MS = 20_000
const PARTITIONS = 6

describe.each(CLIENTS)('a failover in a cluster over $client', (client) => {
  const keys = new KeySchema({ prefix: 'failover', partitions: PARTITIONS })
  let cluster: RedisCluster
  let service: Service

  beforeEach(async () => {
    cluster = await RedisCluster.start({ replicas: 2 })
    service = await openService(
      client,
      {
        keyPrefix: 'failover',
        partitions: PARTITIONS,
        callTimeoutMs: CALL_TIMEOUT_MS,
        durability: { replicas: 1, timeoutMs: 500 },
      },
      connectionTo(client, cluster.urls)
    )
  })

  afterEach(async () => {
    await service.close()
    await cluster.stop()
  })

  test('under load: calls end in time, and no result that was confirmed by a replica is lost', async () => {
    const load = new Load(service)
    await load.progress(50)
    const { runId } = load.confirmed.at(-1)!
    const slot = await cluster.slotOf(keys.runKey(runId))
    const master = await cluster.ownerOf(slot)
    await master.server.kill()
    await cluster.failedOverFrom(master)
    await load.progress(50)
    await load.stop()
    await load.expectKept(CALL_TIMEOUT_MS)
    expect(load.confirmed.length).toBeGreaterThan(100)
    console.log(`${client.client}: ${load.summary()}`)
  }, 120_000)
})
