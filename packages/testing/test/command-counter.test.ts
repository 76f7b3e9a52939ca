import { expect, onTestFinished, test } from 'vitest'
import { CommandCounter } from '../src/command-counter.js'
import { uniquePrefix } from '../src/key-space.js'
import { RawConnection } from '../src/raw-connection.js'
import { RedisServer } from '../src/redis-server.js'

test('a counter counts what others send, and nothing of its own', async () => {
  const server = await RedisServer.start()
  onTestFinished(() => server.stop())
  const connection = await RawConnection.open(server.url)
  onTestFinished(() => connection.close())
  await connection.command('SET', 'before', '1')

  const idle = await CommandCounter.start(server.url)
  expect(await idle.stop()).toEqual({ total: 0, calls: {} })

  const counter = await CommandCounter.start(server.url)
  await connection.command('SET', 'a', '1')
  await connection.command('SET', 'b', '2')
  await connection.command('INFO')
  await connection.command('EVAL', "return redis.call('GET', KEYS[1])", 1, 'a')
  const { total, calls } = await counter.stop()
  expect(calls).toEqual({ set: 2, info: 1, eval: 1, get: 1 })
  expect(total).toBe(5)
})

test('two prefixes are never the same', () => {
  expect(uniquePrefix()).not.toBe(uniquePrefix())
  expect(uniquePrefix('runs')).toMatch(/^runs-/)
})
