import { RedisReadOnlyError } from '@pikku/redis'
import { RawConnection, RedisServer, uniquePrefix } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENTS, openService } from '../clients.js'

describe.each(CLIENTS)('a read-only replica over $client', (client) => {
  let master: RedisServer
  let replica: RedisServer
  let raw: RawConnection

  beforeAll(async () => {
    master = await RedisServer.start()
    const { hostname, port } = new URL(master.url)
    replica = await RedisServer.start({ args: ['--replicaof', hostname, port] })
    raw = await RawConnection.open(master.url)
  })
  afterAll(async () => {
    await raw.close()
    await replica.stop()
    await master.stop()
  })

  test('init() says so', async () => {
    const opened = openService(client, {}, replica.url)
    await expect(opened).rejects.toBeInstanceOf(RedisReadOnlyError)
    await expect(opened).rejects.toThrow(/replica/)
  })

  test('init() says so for a prefix that the master has used', async () => {
    const keyPrefix = uniquePrefix()
    await (await openService(client, { keyPrefix }, master.url)).close()
    // From here on the replica has what the master has.
    expect(await raw.command('WAIT', 1, 10_000)).toBe(1)
    const opened = openService(client, { keyPrefix }, replica.url)
    await expect(opened).rejects.toBeInstanceOf(RedisReadOnlyError)
  })
})
