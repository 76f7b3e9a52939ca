import { findOnPath } from './find-on-path.js'
import { inspectRedisBinary, type RedisBinary } from './inspect-redis-binary.js'
import { findPrivateCopy, type PrivateCopyOptions } from './private-copy.js'

/** From the PATH, else a private copy. `REDIS_BACKEND=path` or `private-copy` allows only that one. */
export async function findRedisBinary(
  options: PrivateCopyOptions = {}
): Promise<RedisBinary> {
  const backend = process.env['REDIS_BACKEND']
  if (backend === 'private-copy') return findPrivateCopy(options)
  const onPath = await findRedisBinaryOnPath()
  if (onPath) return onPath
  if (backend === 'path') {
    throw new Error('neither redis-server nor valkey-server is on the PATH')
  }
  return findPrivateCopy(options)
}

export async function findRedisBinaryOnPath(): Promise<
  RedisBinary | undefined
> {
  const path = await findOnPath('redis-server', 'valkey-server')
  if (!path) return undefined
  const cliPath = await findOnPath('redis-cli', 'valkey-cli')
  return inspectRedisBinary({ path, env: {}, kind: 'path', cliPath })
}
