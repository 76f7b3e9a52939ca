import { RawConnection, RedisServer } from '@pikku/redis-testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { FaultProxy } from '../src/testing/fault-proxy.js'

describe('the fault proxy', () => {
  let server: RedisServer
  let direct: RawConnection
  let proxy: FaultProxy

  beforeAll(async () => {
    server = await RedisServer.start()
    direct = await RawConnection.open(server.url)
    proxy = await FaultProxy.start(server)
  }, 60_000)

  afterAll(async () => {
    await proxy.close()
    await direct.close()
    await server.stop()
  })

  afterEach(() => proxy.pass())

  test('passes requests and replies on, large ones too', async () => {
    const client = await RawConnection.open(proxy.url)
    const large = 'x'.repeat(2_000_000)
    await client.command('SET', 'large', large)
    expect((await client.command('GET', 'large')) === large).toBe(true)
    await client.close()
  })

  test('cuts what is open, and refuses what comes', async () => {
    const client = await RawConnection.open(proxy.url)
    expect(await client.command('PING')).toBe('PONG')
    proxy.refuse()
    await expect(client.command('PING')).rejects.toThrow()
    const again = RawConnection.open(proxy.url).then((connection) =>
      connection.command('PING')
    )
    await expect(again).rejects.toThrow()
  })

  test('loses the reply of a request that the server has run', async () => {
    const client = await RawConnection.open(proxy.url)
    const lost = proxy.loseReplyTo('counter')
    await expect(client.command('INCR', 'counter')).rejects.toThrow(/closed/)
    await lost
    expect(await direct.command('GET', 'counter')).toBe('1')
  })

  test('cuts in the middle of a reply', async () => {
    const client = await RawConnection.open(proxy.url)
    await direct.command('SET', 'long', 'a long value')
    const cut = proxy.cutReplyAfter(5)
    await expect(client.command('GET', 'long')).rejects.toThrow(/closed/)
    await cut
  })

  test('holds bytes while it stalls, and delivers them in order', async () => {
    const client = await RawConnection.open(proxy.url)
    proxy.stall()
    const arrived = proxy.waitForRequest('last')
    const replies = ['first', 'second', 'last'].map((value) =>
      client.command('RPUSH', 'order', value)
    )
    await arrived
    expect(await direct.command('EXISTS', 'order')).toBe(0)
    proxy.pass()
    expect(await Promise.all(replies)).toEqual([1, 2, 3])
    expect(await direct.command('LRANGE', 'order', 0, -1)).toEqual([
      'first',
      'second',
      'last',
    ])
    await client.close()
  })

  test('delays each direction', async () => {
    const client = await RawConnection.open(proxy.url)
    proxy.delay(60)
    const startedAt = performance.now()
    await client.command('PING')
    expect(performance.now() - startedAt).toBeGreaterThan(115)
    await client.close()
  })
})
