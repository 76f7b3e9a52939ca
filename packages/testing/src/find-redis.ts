import type { RedisBinary } from './inspect-redis-binary.js'
import { startJsServer } from './js-server.js'
import { findPrivateCopy } from './private-copy.js'
import { reasonOf } from './reason-of.js'
import { startRedisContainer } from './redis-container.js'
import type { RedisHandle, RedisKind } from './redis-handle.js'
import { RedisNotFoundError, type FailedWay } from './redis-not-found-error.js'
import { findRedisBinaryOnPath } from './redis-binary.js'
import { RedisServer } from './redis-server.js'
import { readServerVersion } from './server-version.js'

export interface FindRedisOptions {
  /** Settle for a JavaScript imitation when nothing else is there. @default false */
  readonly allowJsServer?: boolean
  /** Told what is being tried when it takes a while. */
  readonly log?: (line: string) => void
  readonly signal?: AbortSignal
}

interface Way {
  readonly kind: RedisKind
  readonly name: string
  find(options: FindRedisOptions): Promise<RedisHandle>
}

const WAYS: readonly Way[] = [
  { kind: 'url', name: 'REDIS_URL', find: useUrl },
  {
    kind: 'path',
    name: 'redis-server or valkey-server on the PATH',
    find: startFromPath,
  },
  {
    kind: 'container',
    name: 'Docker (image from REDIS_IMAGE)',
    find: ({ log }) => startRedisContainer(log),
  },
  {
    kind: 'private-copy',
    name: "a private copy of the distribution's package (in PIKKU_REDIS_CACHE)",
    find: startPrivateCopy,
  },
  {
    kind: 'js',
    name: 'js-redis-server (only with allowJsServer)',
    find: startJsServer,
  },
]

/**
 * A Redis for tests and examples: `REDIS_URL`, a server on the PATH, Docker, a private copy of the distribution's
 * package, and, where allowed, a JavaScript imitation. `REDIS_BACKEND` forces one of them by its kind.
 */
export async function findRedis(
  options: FindRedisOptions = {}
): Promise<RedisHandle> {
  const backend = process.env['REDIS_BACKEND']
  if (backend) return findForced(backend, options)

  const failedWays: FailedWay[] = []
  for (const way of WAYS) {
    options.signal?.throwIfAborted()
    if (way.kind === 'js' && !options.allowJsServer) {
      failedWays.push({ way: way.name, reason: 'not allowed here' })
      continue
    }
    try {
      return await way.find(options)
    } catch (error) {
      options.signal?.throwIfAborted()
      failedWays.push({ way: way.name, reason: reasonOf(error) })
      // Someone who names a server wants that one, and must not test another one without knowing.
      if (way.kind === 'url' && process.env['REDIS_URL']) {
        throw new RedisNotFoundError('REDIS_URL is of no use:', failedWays, {
          cause: error,
        })
      }
    }
  }
  throw new RedisNotFoundError(
    'No Redis was found. Any one of these ways would do:',
    failedWays
  )
}

async function findForced(
  backend: string,
  options: FindRedisOptions
): Promise<RedisHandle> {
  const way = WAYS.find(({ kind }) => kind === backend)
  if (!way) {
    throw new RedisNotFoundError(
      `REDIS_BACKEND=${backend} is not known. It can be:`,
      WAYS.map(({ kind, name }) => ({ way: kind, reason: name }))
    )
  }
  try {
    return await way.find(options)
  } catch (error) {
    options.signal?.throwIfAborted()
    throw new RedisNotFoundError(
      `REDIS_BACKEND=${backend} allows one way only, and it failed:`,
      [{ way: way.name, reason: reasonOf(error) }],
      { cause: error }
    )
  }
}

async function useUrl(): Promise<RedisHandle> {
  const url = process.env['REDIS_URL']
  if (!url) throw new Error('not set')
  if (!URL.canParse(url)) throw new Error('is not a URL')
  const { protocol, hostname, port } = new URL(url)
  const shown = `${protocol}//${hostname}:${port || 6379}`
  let version: string
  try {
    version = await readServerVersion(url)
  } catch (error) {
    throw new Error(`${shown} does not answer: ${reasonOf(error)}`, {
      cause: error,
    })
  }
  return {
    url,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    kind: 'url',
    description: `${version} at ${shown} from REDIS_URL`,
    async stop() {},
  }
}

async function startFromPath(): Promise<RedisHandle> {
  const binary = await findRedisBinaryOnPath()
  if (!binary) throw new Error('neither is there')
  return startBinary(binary, 'on the PATH')
}

async function startPrivateCopy({
  log,
  signal,
}: FindRedisOptions): Promise<RedisHandle> {
  const binary = await findPrivateCopy({ log, signal })
  return startBinary(binary, "a private copy of the distribution's package")
}

async function startBinary(
  binary: RedisBinary,
  found: string
): Promise<RedisHandle> {
  const server = await RedisServer.start({ binary })
  const { url, host, port } = server
  return {
    url,
    host,
    port,
    kind: binary.kind,
    description: `${binary.name} ${binary.version} at ${url}, started from ${binary.path} (${found})`,
    stop: () => server.stop(),
  }
}
