import type { TestProject } from 'vitest/node'
import { RedisCluster } from './redis-cluster.js'

/** One cluster of three masters for a whole run of vitest: `inject('redisCluster')`. */
export default async function provideCluster(
  project: TestProject
): Promise<() => Promise<void>> {
  const cluster = await RedisCluster.start()
  console.log(`A cluster at ${cluster.urls.join(', ')}`)
  project.provide('redisCluster', cluster.urls)
  return () => cluster.stop()
}
