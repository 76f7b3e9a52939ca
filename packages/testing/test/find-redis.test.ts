import {
  beforeEach,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from 'vitest'
import { findRedis, type FindRedisOptions } from '../src/find-redis.js'
import { findOnPath } from '../src/find-on-path.js'
import { RawConnection } from '../src/raw-connection.js'
import { findRedisBinary } from '../src/redis-binary.js'
import { RedisNotFoundError } from '../src/redis-not-found-error.js'
import { RedisServer } from '../src/redis-server.js'
import { pathWithOnly, setEnv } from './support.js'

const NO_DOCKER = 'unix:///nowhere/docker.sock'
const onPath = await findOnPath('redis-server', 'valkey-server')

async function find(options?: FindRedisOptions) {
  const redis = await findRedis(options)
  onTestFinished(() => redis.stop())
  return redis
}

async function ping(url: string) {
  const connection = await RawConnection.open(url)
  try {
    return await connection.command('PING')
  } finally {
    await connection.close()
  }
}

async function failure(promise: Promise<unknown>) {
  const error = await promise.catch((thrown: unknown) => thrown)
  if (!(error instanceof RedisNotFoundError)) throw error
  return error
}

beforeEach(() => {
  setEnv({
    REDIS_URL: undefined,
    REDIS_BACKEND: undefined,
    DOCKER_HOST: NO_DOCKER,
  })
})

describe('finding a Redis', () => {
  test('REDIS_URL wins, and its server is not stopped', async () => {
    const url = inject('redisUrl')
    setEnv({ REDIS_URL: url })
    const redis = await find()
    expect(redis).toMatchObject({ kind: 'url', url })
    expect(redis.host).toBe(new URL(url).hostname)
    expect(redis.port).toBe(Number(new URL(url).port))
    expect(redis.description).toMatch(/^(Redis|Valkey) \d.* from REDIS_URL$/)
    await redis.stop()
    expect(await ping(url)).toBe('PONG')
  })

  test('a REDIS_URL that does not answer is an error, not another server', async () => {
    setEnv({ REDIS_URL: 'redis://:secret@127.0.0.1:1' })
    const { message } = await failure(findRedis())
    expect(message).toMatch(/REDIS_URL.*redis:\/\/127.0.0.1:1.*ECONNREFUSED/s)
    expect(message).not.toContain('secret')
  })

  test('no password of REDIS_URL is shown', async () => {
    const server = await RedisServer.start({
      args: ['--requirepass', 'secret'],
    })
    onTestFinished(() => server.stop())
    setEnv({ REDIS_URL: `redis://:secret@127.0.0.1:${server.port}/3` })
    const redis = await find()
    expect(redis.description).not.toContain('secret')
    expect(await ping(redis.url)).toBe('PONG')

    setEnv({ REDIS_URL: `redis://:other-word@127.0.0.1:${server.port}` })
    const { message } = await failure(findRedis())
    expect(message).toContain('WRONGPASS')
    expect(message).not.toContain('other-word')
  })

  test.skipIf(!onPath)(
    'a server on the PATH comes next (skipped where none is on the PATH)',
    async () => {
      const redis = await find()
      expect(redis.kind).toBe('path')
      expect(redis.description).toContain(onPath)
      expect(await ping(redis.url)).toBe('PONG')
      await redis.stop()
      await expect(ping(redis.url)).rejects.toThrow('ECONNREFUSED')
    }
  )

  test('the JavaScript server is used only where it is allowed', async () => {
    setEnv({ PATH: await pathWithOnly(), PIKKU_REDIS_CACHE: '/proc/nowhere' })
    const { failedWays } = await failure(findRedis())
    expect(failedWays.at(-1)?.reason).toBe('not allowed here')

    const redis = await find({ allowJsServer: true })
    expect(redis.kind).toBe('js')
    expect(await ping(redis.url)).toBe('PONG')
  })

  test('one error lists every way and why it gave none', async () => {
    setEnv({ PATH: await pathWithOnly(), PIKKU_REDIS_CACHE: '/proc/nowhere' })
    const { message } = await failure(findRedis())
    expect(message.split('\n')).toEqual([
      'No Redis was found. Any one of these ways would do:',
      '  1. REDIS_URL: not set',
      '  2. redis-server or valkey-server on the PATH: neither is there',
      `  3. Docker (image from REDIS_IMAGE): no Docker engine answers at ${NO_DOCKER} (ENOENT)`,
      "  4. a private copy of the distribution's package (in PIKKU_REDIS_CACHE): apt-get is not on the PATH",
      '  5. js-redis-server (only with allowJsServer): not allowed here',
    ])
  })
})

describe('REDIS_BACKEND', () => {
  test('forces its way, past one that would win', async () => {
    setEnv({ REDIS_URL: inject('redisUrl'), REDIS_BACKEND: 'js' })
    expect((await find()).kind).toBe('js')
  })

  test('does not fall back to another way', async () => {
    setEnv({ REDIS_URL: inject('redisUrl'), REDIS_BACKEND: 'container' })
    const error = await failure(findRedis({ allowJsServer: true }))
    expect(error.failedWays).toHaveLength(1)
    expect(error.message).toMatch(
      /^REDIS_BACKEND=container allows one way only.*no Docker engine answers/s
    )
  })

  test('of another name is an error that lists the names', async () => {
    setEnv({ REDIS_BACKEND: 'memcached' })
    const { message } = await failure(findRedis())
    for (const kind of ['url', 'path', 'container', 'private-copy', 'js']) {
      expect(message).toContain(`${kind}: `)
    }
  })

  test('path keeps a binary search from making a private copy', async () => {
    setEnv({ REDIS_BACKEND: 'path', PATH: await pathWithOnly() })
    await expect(findRedisBinary()).rejects.toThrow(
      'neither redis-server nor valkey-server is on the PATH'
    )
  })
})
