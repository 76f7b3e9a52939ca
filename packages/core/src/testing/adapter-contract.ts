import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RedisAdapter, RedisCommand } from '../adapter.js'
import { isRedisAdapter } from '../adapter.js'
import {
  RedisClosedError,
  RedisConnectionError,
  RedisReplyError,
} from '../errors.js'
import { defineScript } from '../script.js'
import { ScriptRunner } from '../script-runner.js'

/** How a suite makes adapters. */
export interface AdapterHarness {
  /** A new adapter that owns its connection to a running server. */
  create: () => RedisAdapter
  /** A new adapter for an address where nobody listens. */
  createUnreachable: () => RedisAdapter
}

/**
 * What every `RedisAdapter` must do, against a real server. It defines vitest
 * tests: call it at the top level of a test file.
 */
export function defineAdapterContract(
  name: string,
  { create, createUnreachable }: AdapterHarness
): void {
  describe(`RedisAdapter contract: ${name}`, () => {
    let adapter: RedisAdapter
    const prefix = `contract:${randomUUID()}`
    const keyOf = (label: string) => `${prefix}:${label}`
    const send = (...args: [string, ...string[]]) =>
      adapter.send({ key: args[1] ?? null, args })

    beforeAll(async () => {
      adapter = create()
      await adapter.open()
    })

    afterAll(async () => {
      await adapter.close()
    })

    test('is recognised as an adapter', () => {
      expect(isRedisAdapter(adapter)).toBe(true)
      expect(isRedisAdapter(adapter.client)).toBe(false)
    })

    test('gives bulk and simple strings as strings', async () => {
      expect(await send('SET', keyOf('text'), 'grüße 👋')).toBe('OK')
      expect(await send('GET', keyOf('text'))).toBe('grüße 👋')
    })

    test('gives a missing value as null', async () => {
      expect(await send('GET', keyOf('missing'))).toBeNull()
      expect(await send('HMGET', keyOf('missing'), 'a', 'b')).toEqual([
        null,
        null,
      ])
    })

    test('gives integers as numbers and numeric strings as strings', async () => {
      expect(await send('INCRBY', keyOf('count'), '41')).toBe(41)
      expect(await send('GET', keyOf('count'))).toBe('41')
    })

    test('gives a map as a flat array, in the order of the server', async () => {
      const key = keyOf('map')
      await send('HSET', key, '2', 'two', '1', 'one', '__proto__', 'x')
      const flat = ['2', 'two', '1', 'one', '__proto__', 'x']
      expect(await send('HGETALL', key)).toEqual(flat)
      expect(await sendAll(adapter, [['HGETALL', key]])).toEqual([flat])
      expect(await send('HGETALL', keyOf('missing'))).toEqual([])
    })

    test('gives a set and a list as arrays', async () => {
      await send('SADD', keyOf('set'), 'a')
      await send('RPUSH', keyOf('list'), 'x', 'y')
      expect(await send('SMEMBERS', keyOf('set'))).toEqual(['a'])
      expect(await send('LRANGE', keyOf('list'), '0', '-1')).toEqual(['x', 'y'])
    })

    test('gives the nested replies of a script as they are', async () => {
      const script = "return { 1, 'two', { 'three', false }, {} }"
      const key = keyOf('script')
      const reply = await adapter.send({
        key,
        args: ['EVAL', script, '1', key],
      })
      expect(reply).toEqual([1, 'two', ['three', null], []])
    })

    test('keeps control characters, a megabyte and an empty string', async () => {
      for (const value of ['\0\r\n\t"\\', 'é'.repeat(512 * 1024), '']) {
        await send('SET', keyOf('odd'), value)
        expect((await send('GET', keyOf('odd'))) === value).toBe(true)
      }
    })

    test('rejects with a RedisReplyError that has the code of the reply', async () => {
      await send('SET', keyOf('string'), 'x')
      const failure = send('LPUSH', keyOf('string'), 'y')
      await expect(failure).rejects.toBeInstanceOf(RedisReplyError)
      await expect(failure).rejects.toMatchObject({ replyCode: 'WRONGTYPE' })
      const error = await failure.catch((e: Error) => e)
      expect((error as Error).cause).toBeInstanceOf(Error)
    })

    test('an error says nothing of what was sent, nor does its cause', async () => {
      await send('SET', keyOf('public'), 'x')
      const push: [string, string, string] = ['LPUSH', keyOf('public'), 'hush']
      const errors = [
        await send(...push).catch((e: Error) => e),
        ...(await sendAll(adapter, [push])),
      ]
      // What a logger writes, with whatever a client hangs on its errors.
      for (const error of errors) {
        expect(error).toBeInstanceOf(RedisReplyError)
        expect(inspect(error, { depth: null })).not.toContain('hush')
      }
    })

    test('sends several commands and keeps their order, errors in place', async () => {
      const key = keyOf('pipeline')
      const replies = await sendAll(adapter, [
        ['SET', key, '1'],
        ['LPUSH', key, 'x'],
        ['INCR', key],
        ['GET', key],
      ])
      expect(replies[0]).toBe('OK')
      expect(replies[1]).toBeInstanceOf(RedisReplyError)
      expect(replies.slice(2)).toEqual([2, '2'])
      expect(await adapter.sendAll([])).toEqual([])
    })

    test('runs a script again after SCRIPT FLUSH', async () => {
      const runner = new ScriptRunner(adapter)
      const bump = defineScript({
        name: 'bump',
        lua: [`return redis.call('INCRBY', KEYS[1], ARGV[1]) -- ${prefix}`],
        keys: ['counter'],
        args: ['by'],
        parse: Number,
      })
      const call = { keys: { counter: keyOf('bumped') }, args: { by: 2 } }
      expect(await runner.run(bump, call)).toBe(2)
      await adapter.send({ key: null, args: ['SCRIPT', 'FLUSH'] })
      expect(await runner.run(bump, call)).toBe(4)
      expect(await runner.run(bump, call)).toBe(6)
    })

    test('delivers the messages of a channel until it is unsubscribed', async () => {
      const channel = keyOf('channel')
      const received: string[] = []
      let next = Promise.withResolvers<void>()
      const unsubscribe = await adapter.subscribe(channel, (message) => {
        received.push(message)
        next.resolve()
      })
      // A node of a cluster counts the receivers that are its own.
      const publish = async (message: string, receivers: number) => {
        const count = await send('PUBLISH', channel, message)
        expect(adapter.topology === 'single' ? count : receivers).toBe(
          receivers
        )
      }
      await publish('one', 1)
      await next.promise
      next = Promise.withResolvers<void>()
      await publish('zwei 👋', 1)
      await next.promise
      await unsubscribe()
      await unsubscribe()
      await publish('three', 0)
      expect(received).toEqual(['one', 'zwei 👋'])
    })

    test('opens twice and closes twice without harm', async () => {
      const other = create()
      await Promise.all([other.open(), other.open()])
      await other.open()
      expect(await other.send({ key: null, args: ['PING'] })).toBe('PONG')
      await Promise.all([other.close(), other.close()])
      await other.close()
    })

    test('after close a command rejects with a RedisClosedError', async () => {
      const other = create()
      await other.open()
      await other.close()
      const ping: RedisCommand = { key: null, args: ['PING'] }
      await expect(other.send(ping)).rejects.toBeInstanceOf(RedisClosedError)
      expect(await other.sendAll([ping])).toEqual([
        expect.any(RedisClosedError),
      ])
    })

    test('connects at the first command when nobody called open', async () => {
      const other = create()
      expect(await other.send({ key: null, args: ['PING'] })).toBe('PONG')
      await other.close()
    })

    test('commands beside open wait for it', async () => {
      const other = create()
      const ping: RedisCommand = { key: null, args: ['PING'] }
      const calls = [other.send(ping), other.open(), other.sendAll([ping])]
      expect(await Promise.all(calls)).toEqual(['PONG', undefined, ['PONG']])
      await other.close()
    })

    test('after close neither open nor subscribe connects again', async () => {
      for (const prepare of [async () => {}, (it: RedisAdapter) => it.open()]) {
        const other = create()
        await prepare(other)
        await other.close()
        const calls = [other.open(), other.subscribe(keyOf('late'), () => {})]
        expect(await reasonsOf(calls)).toEqual([
          expect.any(RedisClosedError),
          expect.any(RedisClosedError),
        ])
      }
    })

    test('what close overtakes leaves nothing open', async () => {
      const before = openSockets()
      // From nothing done yet to everything done.
      for (const turns of [0, 1, 2, 4, 8, 16, 32, 64]) {
        const other = create()
        const calls = [other.open(), other.subscribe(keyOf('race'), () => {})]
        const reasons = reasonsOf(calls)
        for (let i = 0; i < turns; i++) await setImmediate()
        await other.close()
        for (const reason of await reasons) {
          expect(reason).toBeInstanceOf(RedisClosedError)
        }
      }
      await expect.poll(openSockets).toBeLessThanOrEqual(before)
    })

    test('says clearly that nobody listens, each time it is opened', async () => {
      const nobody = createUnreachable()
      const ping: RedisCommand = { key: null, args: ['PING'] }
      for (const call of [
        () => nobody.open(),
        () => nobody.send(ping),
        () => nobody.open(),
      ]) {
        const failure = call()
        await expect(failure).rejects.toBeInstanceOf(RedisConnectionError)
        // A cluster client of ioredis keeps no more of it than this.
        await expect(failure).rejects.toThrow(
          /ECONNREFUSED|Connection is closed/
        )
      }
      await nobody.close()
    })
  })
}

function sendAll(
  adapter: RedisAdapter,
  commands: Array<RedisCommand['args']>
): ReturnType<RedisAdapter['sendAll']> {
  return adapter.sendAll(
    commands.map((args) => ({ key: args[1] ?? null, args }))
  )
}

/** Why those of the promises that rejected did. */
async function reasonsOf(calls: Array<Promise<unknown>>): Promise<unknown[]> {
  const ends = await Promise.allSettled(calls)
  return ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
}

function openSockets(): number {
  return process
    .getActiveResourcesInfo()
    .filter((resource) => resource === 'TCPSocketWrap').length
}
