import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findOnPath } from '../src/find-on-path.js'
import { findRedis } from '../src/find-redis.js'
import { findPrivateCopy } from '../src/private-copy.js'
import { RawConnection } from '../src/raw-connection.js'
import { findRedisBinary } from '../src/redis-binary.js'
import { RedisServer } from '../src/redis-server.js'
import {
  pathWithOnly,
  pathWithoutRedis,
  setEnv,
  startFixture,
  temporaryFolder,
} from './support.js'

const hasApt = await findOnPath('apt-get')
// It asks the mirrors of the distribution.
const timeout = 120_000

async function useEmptyCache() {
  const cache = await temporaryFolder()
  const env = {
    PATH: await pathWithoutRedis(),
    PIKKU_REDIS_CACHE: cache,
    REDIS_URL: undefined,
    REDIS_BACKEND: undefined,
    DOCKER_HOST: 'unix:///nowhere/docker.sock',
  }
  return { cache, env }
}

describe.skipIf(!hasApt)(
  'a private copy of the package (skipped where there is no apt-get)',
  () => {
    test(
      'is found where no redis-server is on the PATH, and is made once',
      async () => {
        const { cache, env } = await useEmptyCache()
        setEnv(env)
        const redis = await findRedis()
        onTestFinished(() => redis.stop())
        expect(redis.kind).toBe('private-copy')
        expect(redis.description).toContain(cache)
        const connection = await RawConnection.open(redis.url)
        expect(await connection.command('SET', 'a', '1')).toBe('OK')
        await connection.close()

        // Nothing but the finished copy stays in the cache folder.
        const copies = await readdir(cache)
        expect(copies).toHaveLength(1)

        // The second time needs neither apt nor the network.
        setEnv({ PATH: await pathWithOnly('sh', 'rm') })
        const lines: string[] = []
        const binary = await findRedisBinary({
          log: (line) => lines.push(line),
        })
        expect(lines).toEqual([])
        expect(binary).toMatchObject({ kind: 'private-copy' })
        expect(binary.cliPath).toMatch(/-cli$/)
        const server = await RedisServer.start({ binary })
        await server.stop()
      },
      timeout
    )

    test(
      'is whole when two processes make it at the same time',
      async () => {
        const { cache, env } = await useEmptyCache()
        const makers = await Promise.all(
          [1, 2].map(() => startFixture('find-private-copy.ts', { env }))
        )
        const results = await Promise.all(
          makers.map(
            async (
              maker
            ): Promise<{ path: string; ino: number; unpacked: boolean }> =>
              JSON.parse(
                await maker.waitForLine((line) => line.startsWith('{'), timeout)
              )
          )
        )
        expect(results[0]!.path).toBe(results[1]!.path)
        // The later one took the copy of the earlier one, which may be running by then, and did not replace it.
        expect(results[0]!.ino).toBe(results[1]!.ino)
        expect(results.map(({ unpacked }) => unpacked)).toEqual([true, true])
        expect(await Promise.all(makers.map(({ exited }) => exited))).toEqual([
          { code: 0, signal: null },
          { code: 0, signal: null },
        ])
        expect(await readdir(cache)).toHaveLength(1)

        setEnv(env)
        const server = await RedisServer.start()
        expect(server.binary.path).toBe(results[0]!.path)
        await server.stop()
      },
      timeout
    )

    test(
      'is made again when what is there does not run',
      async () => {
        const { cache, env } = await useEmptyCache()
        setEnv(env)
        const first = await findPrivateCopy()
        await rm(first.path)
        await writeFile(first.path, 'not a program', { mode: 0o755 })
        const second = await findPrivateCopy()
        expect(second).toEqual(first)
        expect(await readdir(cache)).toHaveLength(1)
      },
      timeout
    )

    test('leaves no work behind when it fails', async () => {
      const { cache, env } = await useEmptyCache()
      const broken = await temporaryFolder()
      for (const program of ['apt-get', 'dpkg-deb']) {
        await writeFile(
          join(broken, program),
          '#!/bin/sh\necho "E: no such mirror" >&2\nexit 100\n',
          { mode: 0o755 }
        )
      }
      setEnv({ ...env, PATH: broken })
      await expect(findPrivateCopy()).rejects.toThrow('no such mirror')
      expect(await readdir(cache)).toEqual([])
    })

    test('says so when the cache folder cannot be made', async () => {
      const { cache, env } = await useEmptyCache()
      await mkdir(cache, { recursive: true })
      await writeFile(join(cache, 'file'), '')
      setEnv({ ...env, PIKKU_REDIS_CACHE: join(cache, 'file') })
      await expect(findPrivateCopy()).rejects.toThrow('EEXIST')
    })
  }
)
