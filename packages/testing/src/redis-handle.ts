export type RedisKind = 'url' | 'path' | 'container' | 'private-copy' | 'js'

/** A Redis that tests may use, however it was found. */
export interface RedisHandle {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly kind: RedisKind
  /** One line for people: which server, which version, how it was found. No credentials. */
  readonly description: string
  /** Stops what `findRedis` started; does nothing to a server that was already there. */
  stop(): Promise<void>
}
