import { expect } from 'vitest'

type ErrorClass = new (...args: never[]) => Error

/**
 * Expects each call to fail with its class of error. All are waited for at once:
 * a promise that fails before its turn would be an unhandled rejection.
 */
export async function expectRefused(
  calls: ReadonlyArray<readonly [Promise<unknown>, ErrorClass]>
): Promise<void> {
  const ends = await Promise.allSettled(calls.map(([call]) => call))
  for (const [i, [, error]] of calls.entries()) {
    expect(ends[i]).toMatchObject({ status: 'rejected' })
    expect((ends[i] as PromiseRejectedResult).reason).toBeInstanceOf(error)
  }
}
