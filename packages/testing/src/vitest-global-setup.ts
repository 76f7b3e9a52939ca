import type { TestProject } from 'vitest/node'
import { findRedis } from './find-redis.js'

export type { RedisProvidedContext } from './provided-context.js'

/** One Redis for a whole run of vitest: `inject('redisUrl')` in tests, `REDIS_TEST_URL` in child processes. */
export default async function provideRedis(
  project: TestProject
): Promise<() => Promise<void>> {
  const redis = await findRedis({ log: (line) => console.log(line) })
  console.log(redis.description)
  project.provide('redisUrl', redis.url)
  project.provide('redisAdminUrl', redis.url)
  project.provide('redisCluster', [])
  process.env['REDIS_TEST_URL'] = redis.url
  return async () => {
    delete process.env['REDIS_TEST_URL']
    await redis.stop()
  }
}
