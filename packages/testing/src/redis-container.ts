import { findDockerEngine } from './docker-engine.js'
import { reasonOf } from './reason-of.js'
import type { RedisHandle } from './redis-handle.js'
import { readServerVersion } from './server-version.js'

const DEFAULT_IMAGE = 'redis:8.2-alpine'
const START_WITHIN_MS = 60_000

/** Starts `REDIS_IMAGE` in Docker. Testcontainers' own reaper removes it if this process is killed. */
export async function startRedisContainer(
  log: (line: string) => void = () => {}
): Promise<RedisHandle> {
  const engine = await findDockerEngine()
  const image = process.env['REDIS_IMAGE'] || DEFAULT_IMAGE
  log(`starting ${image} in Docker at ${engine}`)
  // Loaded only here: it is large, and most runs do not need it.
  const { RedisContainer } = await import('@testcontainers/redis')
  const program = image.includes('valkey') ? 'valkey-server' : 'redis-server'
  const container = await new RedisContainer(image)
    // The port is published by Docker to this machine; a build that is not the official image would refuse it.
    .withCommand([program, '--protected-mode', 'no', '--save', ''])
    .withStartupTimeout(START_WITHIN_MS)
    .start()
    .catch((error: unknown) => {
      // Testcontainers does not say which image it could not get, and it may be its own.
      throw new Error(
        `${image} (or testcontainers' reaper, unless TESTCONTAINERS_RYUK_DISABLED=true) does not start in Docker at ${engine}: ${reasonOf(error)}`,
        { cause: error }
      )
    })
  try {
    const url = container.getConnectionUrl()
    return {
      url,
      host: container.getHost(),
      port: container.getPort(),
      kind: 'container',
      description: `${await readServerVersion(url)} from the image ${image} in Docker at ${engine}`,
      async stop() {
        await container.stop()
      },
    }
  } catch (error) {
    await container.stop()
    throw error
  }
}
