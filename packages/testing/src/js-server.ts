import type { RedisHandle } from './redis-handle.js'

/**
 * A server written in JavaScript, inside this process: enough to try an example, no proof of anything. It is a
 * last resort that callers have to allow.
 */
export async function startJsServer(): Promise<RedisHandle> {
  const { createRedisMock } = await import('js-redis-server')
  const server = await createRedisMock()
  const { host, port, url } = server
  let stopped: Promise<void> | undefined
  return {
    url,
    host,
    port,
    kind: 'js',
    description: `js-redis-server, a JavaScript imitation of Redis (not a real one) at ${url}`,
    stop: () => (stopped ??= server.close()),
  }
}
