import type { ProvidedContext } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string
    /** The same server, without restrictions. */
    redisAdminUrl: string
    /** The masters of a cluster; empty for a single server. */
    redisCluster: string[]
  }
}

/**
 * What `inject` knows in a run that the global setup prepared. Exported, because a bundled declaration file keeps
 * only the modules that something refers to, and the augmentation above has to reach those who import it.
 */
export type RedisProvidedContext = Pick<
  ProvidedContext,
  'redisUrl' | 'redisAdminUrl' | 'redisCluster'
>
