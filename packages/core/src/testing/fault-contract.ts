import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { RedisAdapter } from '../adapter.js'
import {
  RedisError,
  RedisLockTimeoutError,
  RedisTimeoutError,
} from '../errors.js'
import { RedisLock } from '../redis-lock.js'
import { defineScript } from '../script.js'
import { ScriptRunner } from '../script-runner.js'
import { acquireLock } from '../scripts/lock/lock-scripts.js'
import { FaultProxy } from './fault-proxy.js'

/** How the fault suite makes adapters, and which server they talk to. */
export interface FaultHarness {
  /** A new adapter that owns its connection to this address. */
  create: (url: string) => RedisAdapter
  /** The address of a running server without a password. */
  serverUrl: () => string
}

const TIMEOUT_MS = 1_500

const append = defineScript({
  name: 'append',
  lua: ["return redis.call('RPUSH', KEYS[1], operation)"],
  keys: ['log'],
  args: [],
  parse: Number,
})

/**
 * What must hold over an adapter while the network and the server fail,
 * against a real server behind a proxy. It defines vitest tests: call it at
 * the top level of a test file.
 */
export function defineFaultContract(
  name: string,
  { create, serverUrl }: FaultHarness
): void {
  describe(`RedisAdapter under faults: ${name}`, () => {
    let proxy: FaultProxy
    let adapter: RedisAdapter
    let direct: RedisAdapter
    let runner: ScriptRunner
    const keyOf = () => `contract:${randomUUID()}`
    const bump = (key: string) =>
      runner.run(append, { keys: { log: key }, args: {} })
    const logOf = async (key: string) =>
      (await direct.send({
        key,
        args: ['LRANGE', key, '0', '-1'],
      })) as string[]

    beforeAll(async () => {
      const { hostname, port } = new URL(serverUrl())
      proxy = await FaultProxy.start({ host: hostname, port: Number(port) })
      adapter = create(proxy.url)
      direct = create(serverUrl())
      await adapter.open()
      await direct.open()
      runner = new ScriptRunner(adapter, { callTimeoutMs: TIMEOUT_MS })
      await bump(keyOf())
    })

    afterEach(() => proxy.pass())

    afterAll(async () => {
      await adapter.close()
      await direct.close()
      await proxy.close()
    })

    /** Calls beside a fault: each ends well or in a named error, in time. */
    async function underLoad(fault: () => Promise<unknown>): Promise<string[]> {
      const key = keyOf()
      const results: Array<Promise<unknown>> = []
      const load = async () => {
        for (let i = 0; i < 25; i++) {
          const startedAt = performance.now()
          const call = bump(key)
          results.push(call)
          await Promise.allSettled([call])
          expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS + 500)
        }
      }
      const loads = Array.from({ length: 4 }, load)
      await fault()
      await Promise.all(loads)
      const settled = await Promise.allSettled(results)
      const answered = settled.filter(({ status }) => status === 'fulfilled')
      const nameless = settled.filter(
        (end) =>
          end.status === 'rejected' && !(end.reason instanceof RedisError)
      )
      expect(nameless).toEqual([])
      const log = await logOf(key)
      // A call that was answered ran; this script has no memory of its calls,
      // so a call that lost its reply may have run more often than once.
      expect(new Set(log).size).toBeGreaterThanOrEqual(answered.length)
      expect(answered.length).toBeGreaterThan(0)
      return log
    }

    test('SCRIPT FLUSH under load: every call runs exactly once', async () => {
      const log = await underLoad(async () => {
        for (let i = 0; i < 5; i++) {
          await direct.send({ key: null, args: ['SCRIPT', 'FLUSH'] })
        }
      })
      expect(log).toHaveLength(100)
      expect(new Set(log).size).toBe(100)
    })

    test('CLIENT KILL under load: no call hangs, none is lost', async () => {
      const log = await underLoad(() =>
        direct.send({
          key: null,
          args: ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'],
        })
      )
      expect(new Set(log).size).toBe(100)
    })

    test('connections cut under load: no call hangs, none is lost', async () => {
      const log = await underLoad(async () => proxy.cut())
      expect(new Set(log).size).toBe(100)
    })

    test('a slow network only makes calls slow', async () => {
      proxy.delay(5)
      const log = await underLoad(async () => {})
      expect(log).toHaveLength(100)
    })

    test('a reply cut in the middle is asked for again', async () => {
      const key = keyOf()
      await direct.send({ key, args: ['SET', key, 'a long value'] })
      const cut = proxy.cutReplyAfter(5)
      expect(await runner.send('GET', key)).toBe('a long value')
      await cut
    })

    test('a lock whose reply was lost is held by who asked for it', async () => {
      const key = keyOf()
      const lost = proxy.loseReplyTo(key)
      const call = { keys: { lock: key }, args: { token: 'me', ttlMs: 9_000 } }
      expect(await runner.run(acquireLock, call)).toMatchObject({ code: 'ok' })
      await lost
      expect(await direct.send({ key, args: ['GET', key] })).toBe('me')
    })

    test('a lock that is granted too late is asked for again', async () => {
      const key = keyOf()
      const lock = new RedisLock(adapter, { ttlMs: 400, retryDelayMs: 1 })
      const asked = proxy.waitForRequest(key)
      proxy.stall()
      const acquired = lock.acquire(key)
      await asked
      await delay(450)
      proxy.pass()
      const lease = await acquired
      expect(lease.state).toBe('held')
      const holder = await direct.send({ key, args: ['GET', key] })
      expect(holder).toBe(lease.token)
      await lease.release()
    })

    test('a lock that is only ever granted too late is held by nobody', async () => {
      const options = { ttlMs: 150, retries: 2, retryDelayMs: 1 }
      proxy.delay(100)
      const acquired = new RedisLock(adapter, options).acquire(keyOf())
      await expect(acquired).rejects.toBeInstanceOf(RedisLockTimeoutError)
      await expect(acquired).rejects.toThrow(/was granted.*ttlMs \(150 ms\)/)
    })

    test('a silent server: the call ends at its deadline, and never runs late', async () => {
      const key = keyOf()
      proxy.stall()
      const startedAt = performance.now()
      const call = bump(key)
      await expect(call).rejects.toBeInstanceOf(RedisTimeoutError)
      await expect(call).rejects.toThrow(key)
      const tookMs = performance.now() - startedAt
      expect(tookMs).toBeGreaterThan(TIMEOUT_MS - 50)
      expect(tookMs).toBeLessThan(TIMEOUT_MS + 500)
      proxy.pass()
      await bump(keyOf())
      expect(await logOf(key)).toEqual([])
    })

    test('nobody to connect to: a timeout with its cause, then it works', async () => {
      const key = keyOf()
      proxy.refuse()
      const error = await bump(key).catch((e: unknown) => e)
      expect(error).toBeInstanceOf(RedisTimeoutError)
      proxy.pass()
      await expect.poll(() => bump(key).catch(() => 0)).toBeGreaterThan(0)
    })

    test('close() ends when nobody is there to say goodbye to', async () => {
      for (const fault of ['refuse', 'stall'] as const) {
        const other = create(proxy.url)
        await other.open()
        proxy[fault]()
        const call = other.send({ key: null, args: ['PING'] })
        const outcome = call.catch((error: unknown) => error)
        const startedAt = performance.now()
        await other.close()
        expect(performance.now() - startedAt).toBeLessThan(4_000)
        expect(await outcome).toBeInstanceOf(RedisError)
        proxy.pass()
      }
    })

    test('close() ends while a subscription still has no connection', async () => {
      for (const fault of ['refuse', 'stall'] as const) {
        const other = create(proxy.url)
        await other.open()
        proxy[fault]()
        const subscribed = other.subscribe(keyOf(), () => {})
        const outcome = subscribed.catch((error: unknown) => error)
        const startedAt = performance.now()
        await other.close()
        expect(performance.now() - startedAt).toBeLessThan(4_000)
        expect(await outcome).toBeInstanceOf(RedisError)
        proxy.pass()
      }
    })

    test('a lease survives a silence that is shorter than its time', async () => {
      const lock = new RedisLock(adapter, { ttlMs: 1_200, renewEveryMs: 200 })
      const lease = await lock.acquire(keyOf())
      const renewal = proxy.waitForRequest(lease.key)
      proxy.stall()
      await renewal
      proxy.pass()
      const next = proxy.waitForRequest(lease.key)
      await next
      expect(lease.state).toBe('held')
      expect(await lease.release()).toBeUndefined()
    })

    test('leases are lost within their time when the server stays silent', async () => {
      const lock = new RedisLock(adapter, { ttlMs: 400 })
      // Many, since a timer may fire a fraction of a millisecond early.
      const leases = await Promise.all(
        Array.from({ length: 50 }, () => lock.acquire(keyOf()))
      )
      const startedAt = performance.now()
      const lost = leases.map(({ signal }) => once(signal, 'abort'))
      proxy.stall()
      await Promise.all(lost)
      expect(performance.now() - startedAt).toBeLessThan(900)
      for (const lease of leases) expect(await lease.release()).toBeUndefined()
    })
  })
}
