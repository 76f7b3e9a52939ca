import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RedisAdapter } from '../adapter.js'
import {
  RedisLockLostError,
  RedisLockTimeoutError,
  RedisOptionsError,
} from '../errors.js'
import type { LockOptions } from '../lock-options.js'
import type { RedisLease } from '../redis-lease.js'
import { RedisLock } from '../redis-lock.js'
import type { AdapterHarness } from './adapter-contract.js'

/**
 * What the lock must do over an adapter, against a real server. It defines
 * vitest tests: call it at the top level of a test file.
 */
export function defineLockContract(
  name: string,
  { create }: Pick<AdapterHarness, 'create'>
): void {
  describe(`RedisLock contract: ${name}`, () => {
    let adapter: RedisAdapter
    const keyOf = () => `contract:${randomUUID()}:mutex`
    const send = (...args: [string, string, ...string[]]) =>
      adapter.send({ key: args[1], args })
    const lockWith = (options?: LockOptions) => new RedisLock(adapter, options)

    beforeAll(async () => {
      adapter = create()
      await adapter.open()
    })

    afterAll(async () => {
      await adapter.close()
    })

    test('holds the key with a token of 128 bits for 30 s by default', async () => {
      const key = keyOf()
      await lockWith().withLock(key, async (lease) => {
        expect(lease.token).toMatch(/^[0-9a-f]{32}$/)
        expect(await send('GET', key)).toBe(lease.token)
        const ttl = Number(await send('PTTL', key))
        expect(ttl).toBeGreaterThan(29_000)
        expect(ttl).toBeLessThanOrEqual(30_000)
      })
      expect(await send('EXISTS', key)).toBe(0)
    })

    test('lets one of many in at a time', async () => {
      const key = keyOf()
      const lock = lockWith({ retries: 1_000, retryDelayMs: 5 })
      let inside = 0
      let most = 0
      await Promise.all(
        Array.from({ length: 12 }, () =>
          lock.withLock(key, async () => {
            most = Math.max(most, ++inside)
            await delay(3)
            inside--
          })
        )
      )
      expect(most).toBe(1)
    })

    test('gives up after its tries with an error that names the key', async () => {
      const key = keyOf()
      await lockWith().withLock(key, async () => {
        const started = performance.now()
        const second = lockWith({ retries: 3, retryDelayMs: 20 }).acquire(key)
        await expect(second).rejects.toBeInstanceOf(RedisLockTimeoutError)
        await expect(second).rejects.toThrow(key)
        expect(performance.now() - started).toBeGreaterThan(30)
      })
    })

    test('is taken by a script of its own, as often as that takes', async () => {
      const key = keyOf()
      const lock = lockWith({ ttlMs: 5_000, retryDelayMs: 1 })
      let tries = 0
      const take = async (token: string, ttlMs: number) => {
        if (++tries < 3) return { code: 'held', detail: [] }
        await send('SET', key, token, 'PX', String(ttlMs))
        return { code: 'ok', detail: [] }
      }
      const body = async (lease: RedisLease) => {
        expect(await send('GET', key)).toBe(lease.token)
        expect(Number(await send('PTTL', key))).toBeGreaterThan(4_000)
      }
      await lock.withLock(key, body, { take })
      expect(tries).toBe(3)
      expect(await send('EXISTS', key)).toBe(0)
    })

    test('renews while the body runs, so that a long body keeps the lock', async () => {
      const key = keyOf()
      const holders: string[] = []
      const lock = lockWith({ ttlMs: 300, retries: 100, retryDelayMs: 20 })
      const body = (who: string) => async () => {
        holders.push(`${who} in`)
        await delay(900)
        holders.push(`${who} out`)
      }
      await Promise.all([
        lock.withLock(key, body('a')),
        delay(50).then(() => lock.withLock(key, body('b'))),
      ])
      expect(holders).toEqual(['a in', 'a out', 'b in', 'b out'])
    })

    test('tells a holder that lost its lock, and reports that as the outcome', async () => {
      const key = keyOf()
      const lock = lockWith({ ttlMs: 200, renewEveryMs: 20 })
      const outcome = lock.withLock(key, async (lease) => {
        await send('SET', key, 'somebody else')
        await new Promise((resolve) =>
          lease.signal.addEventListener('abort', resolve)
        )
        expect(lease.state).toBe('lost')
        return 'done'
      })
      await expect(outcome).rejects.toBeInstanceOf(RedisLockLostError)
      await expect(outcome).rejects.toThrow(key)
      expect(await send('GET', key)).toBe('somebody else')
    })

    test('keeps the error of a body that lost its lock as the cause', async () => {
      const key = keyOf()
      const mine = new Error('mine')
      const outcome = lockWith({ ttlMs: 200, renewEveryMs: 20 }).withLock(
        key,
        async (lease) => {
          await send('DEL', key)
          await new Promise((resolve) =>
            lease.signal.addEventListener('abort', resolve)
          )
          throw mine
        }
      )
      const error = await outcome.catch((e: unknown) => e)
      expect(error).toBeInstanceOf(RedisLockLostError)
      expect((error as Error).cause).toBe(mine)
    })

    test('a release that fails leaves the outcome of the body alone', async () => {
      const key = keyOf()
      const own = create()
      await own.open()
      const told: unknown[] = []
      const lock = new RedisLock(own, {
        onReleaseError: (...args) => told.push(args),
      })
      const result = await lock.withLock(key, async () => {
        await own.close()
        return 'the result'
      })
      expect(result).toBe('the result')
      expect(told).toEqual([[key, expect.any(Error)]])
      await send('DEL', key)
    })

    test('never frees the lock of another owner', async () => {
      const key = keyOf()
      const lease = await lockWith().acquire(key)
      await send('SET', key, 'somebody else')
      expect(await lease.release()).toBeInstanceOf(RedisLockLostError)
      expect(await send('GET', key)).toBe('somebody else')
    })

    test('a body that throws frees the lock and keeps its error', async () => {
      const key = keyOf()
      const mine = new Error('mine')
      const outcome = lockWith().withLock(key, async () => {
        throw mine
      })
      await expect(outcome).rejects.toBe(mine)
      expect(await send('EXISTS', key)).toBe(0)
    })

    test('a waiter stops when its signal aborts', async () => {
      const key = keyOf()
      const holder = await lockWith().acquire(key)
      const abort = new AbortController()
      const waiter = lockWith({ retries: 1_000 }).acquire(key, {
        signal: abort.signal,
      })
      const reason = new Error('shutting down')
      abort.abort(reason)
      await expect(waiter).rejects.toBe(reason)
      await holder.release()
    })

    test('refuses options out of range and names them', () => {
      const bad: Array<[LockOptions, RegExp]> = [
        [{ ttlMs: 0 }, /lock\.ttlMs/],
        [{ ttlMs: Number.NaN }, /lock\.ttlMs/],
        [{ ttlMs: 100, renewEveryMs: 100 }, /lock\.renewEveryMs/],
        [{ retries: 0 }, /lock\.retries/],
        [{ retryDelayMs: -1 }, /lock\.retryDelayMs/],
        [{ ttl: 1 } as LockOptions, /lock\.ttl is not an option/],
      ]
      for (const [options, message] of bad) {
        expect(() => lockWith(options)).toThrow(RedisOptionsError)
        expect(() => lockWith(options)).toThrow(message)
      }
    })
  })
}
