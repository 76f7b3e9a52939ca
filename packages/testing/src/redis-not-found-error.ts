/** One way of finding a Redis, and why it gave none. */
export interface FailedWay {
  readonly way: string
  readonly reason: string
}

export class RedisNotFoundError extends Error {
  override readonly name = 'RedisNotFoundError'
  readonly failedWays: readonly FailedWay[]

  constructor(
    headline: string,
    failedWays: readonly FailedWay[],
    options?: ErrorOptions
  ) {
    const list = failedWays.map(
      ({ way, reason }, index) => `  ${index + 1}. ${way}: ${reason}`
    )
    super([headline, ...list].join('\n'), options)
    this.failedWays = failedWays
  }
}
