import type { AgentMessage } from '@pikku/core/agent'
import {
  RedisArgumentError,
  RedisCorruptDataError,
  RedisThreadNotFoundError,
  RedisValueTooLargeError,
} from '@pikku/redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, connectionOf } from '../clients.js'
import { expectRefused } from '../refused.js'
import { AgentsHarness, message } from './agents-harness.js'

describe.each(CLIENTS)('messages of agents over $client', (client) => {
  let harness: AgentsHarness
  let save: (...messages: AgentMessage[]) => Promise<void>
  const ids = async (options?: { lastN?: number; cursor?: string }) =>
    (await harness.storage.getMessages('t', options)).map(({ id }) => id)

  beforeEach(async () => {
    harness = await AgentsHarness.open(client)
    await harness.storage.createThread('r', { threadId: 't' })
    save = (...messages) => harness.storage.saveMessages('t', messages)
  })
  afterEach(() => harness.close())

  test('a message comes back as it was, with a date', async () => {
    const full: AgentMessage = {
      id: 'm',
      role: 'assistant',
      content: [{ type: 'data', name: 'd', data: { empty: [], big: 1e300 } }],
      toolCalls: [{ id: 'tc', name: 'x', args: {} }],
      toolResults: [{ id: 'tc', name: 'x', result: '', error: 'e' }],
      reasoningContent: '🦆',
      interrupted: true,
      undelivered: true,
      createdAt: new Date(1_700_000_000_123),
    }
    await save(full)
    expect(await harness.storage.getMessages('t')).toEqual([full])
    expect(await harness.runs.getThreadMessages('t')).toEqual([full])
  })

  test('messages of one millisecond keep the order in which they were saved', async () => {
    const order = ['z', 'a', 'm', '0', 'b']
    await save(...order.slice(0, 3).map((id) => message(id, 5)))
    for (const id of order.slice(3)) await save(message(id, 5))
    await save(message('early', 4), message('late', 6))
    expect(await ids()).toEqual(['early', ...order, 'late'])
  })

  test('a message saved again takes its own place', async () => {
    await save(message('a', 5), message('b', 5), message('c', 5))
    await save(message('b', 5, 'new'))
    expect(await ids()).toEqual(['a', 'b', 'c'])
    expect((await harness.storage.getMessages('t'))[1]?.content).toBe('new')
    await save(message('a', 9))
    expect(await ids()).toEqual(['b', 'c', 'a'])
    await save(message('x', 1, 'first'), message('x', 1, 'last'))
    expect(await ids({ lastN: 4 })).toEqual(['x', 'b', 'c', 'a'])
  })

  test('saving moves updatedAt, unless nothing changed', async () => {
    const { storage } = harness
    const { updatedAt } = await storage.getThread('t')
    await harness.nextMillisecond()
    await save()
    expect((await storage.getThread('t')).updatedAt).toEqual(updatedAt)
    await save(message('a', 1))
    const moved = (await storage.getThread('t')).updatedAt
    expect(moved.getTime()).toBeGreaterThan(updatedAt.getTime())
    await harness.nextMillisecond()
    await save(message('a', 1))
    expect((await storage.getThread('t')).updatedAt).toEqual(moved)
  })

  test('a cursor is a message, and what comes before it is its page', async () => {
    const all = Array.from({ length: 120 }, (_, n) => `m${n}`)
    await save(...all.map((id, n) => message(id, Math.floor(n / 40))))
    expect(await ids()).toEqual(all)
    expect(await ids({ lastN: 3 })).toEqual(all.slice(-3))
    expect(await ids({ lastN: 0 })).toEqual([])
    expect(await ids({ lastN: 500 })).toEqual(all)
    expect(await ids({ cursor: 'm100' })).toEqual(all.slice(50, 100))
    expect(await ids({ cursor: 'm0' })).toEqual([])
    expect(await ids({ cursor: 'm2', lastN: 5 })).toEqual(all.slice(0, 2))
    const paged: string[] = []
    let page = await ids({ lastN: 7 })
    while (page.length > 0) {
      paged.unshift(...page)
      page = await ids({ lastN: 7, cursor: page[0]! })
    }
    expect(paged).toEqual(all)
  })

  test('a cursor that is no message is an error', async () => {
    await save(message('a', 1))
    for (const options of [
      { cursor: 'none' },
      { lastN: -1 },
      { lastN: 1.5 },
      { cursor: 7 as never },
    ]) {
      await expect(ids(options)).rejects.toBeInstanceOf(RedisArgumentError)
    }
  })

  test('one bad message, and none is saved', async () => {
    const storage = new client.entry.RedisAgentStorageService(
      connectionOf(client),
      { keyPrefix: harness.keyPrefix, maxValueBytes: 1_024 }
    )
    const good = message('good', 1)
    const bad: Array<[unknown, unknown]> = [
      [{ ...good, id: '' }, RedisArgumentError],
      [{ ...good, id: undefined }, RedisArgumentError],
      [{ ...good, createdAt: new Date(NaN) }, RedisArgumentError],
      [null, RedisArgumentError],
      [message('large', 1, 'x'.repeat(2_000)), RedisValueTooLargeError],
    ]
    for (const [each, error] of bad) {
      const saved = storage.saveMessages('t', [good, each as AgentMessage])
      await expect(saved).rejects.toBeInstanceOf(error)
    }
    expect(await ids()).toEqual([])
    await storage.close()
  })

  test('nothing is saved to a thread that is not there', async () => {
    const { storage } = harness
    const before = await harness.everything()
    const refused = [
      storage.saveMessages('none', [message('a', 1)]),
      storage.saveWorkingMemory('none', 'thread', {}),
      harness.createRun('none'),
    ]
    await expectRefused(refused.map((call) => [call, RedisThreadNotFoundError]))
    expect(await harness.everything()).toEqual(before)
  })

  test('many writers at once: each message is there once, in order', async () => {
    const writers = Array.from({ length: 20 }, (_, w) => w)
    await Promise.all(
      writers.map((w) =>
        save(message(`${w}-call`, 7), message(`${w}-result`, 7))
      )
    )
    const saved = await ids()
    expect(saved).toHaveLength(40)
    for (const w of writers) {
      expect(saved.indexOf(`${w}-result`)).toBe(saved.indexOf(`${w}-call`) + 1)
    }
  })

  test('what is read is one round trip, what is saved, too', async () => {
    const storage = harness.counted()
    await storage.saveMessages('t', [message('warm', 0)])
    const trips = async (call: () => Promise<unknown>) => {
      harness.adapter.trips.length = 0
      await call()
      return harness.adapter.trips.length
    }
    const many = Array.from({ length: 500 }, (_, n) => message(`m${n}`, n))
    expect(await trips(() => storage.saveMessages('t', many))).toBe(1)
    expect(await trips(() => storage.getMessages('t', { lastN: 20 }))).toBe(1)
    await storage.getMessages('t', { cursor: 'm10' })
    const page = () => storage.getMessages('t', { cursor: 'm400' })
    expect(await trips(page)).toBe(1)
  })

  test('broken data is an error that names the key', async () => {
    const { raw, keys } = harness
    for (const text of ['{', '7', '{"id":"a","createdAt":"x"}', '']) {
      await raw.command('ZADD', keys.messagesKey('t'), '1', text)
      const read = ids()
      await expect(read).rejects.toBeInstanceOf(RedisCorruptDataError)
      await expect(read).rejects.toThrow(keys.messagesKey('t'))
      await raw.command('ZREM', keys.messagesKey('t'), text)
    }
    await raw.command('SET', keys.threadMemoryKey('t'), '7')
    const memory = harness.storage.getWorkingMemory('t', 'thread')
    await expect(memory).rejects.toBeInstanceOf(RedisCorruptDataError)
  })

  test('the working memory of a thread goes with it, that of a resource stays', async () => {
    const { storage } = harness
    await storage.saveWorkingMemory('t', 'thread', { a: 1 })
    await storage.saveWorkingMemory('t', 'resource', { b: 1 })
    await storage.deleteThread('t')
    expect(await storage.getWorkingMemory('t', 'thread')).toBeNull()
    expect(await storage.getWorkingMemory('t', 'resource')).toEqual({ b: 1 })
  })
})
