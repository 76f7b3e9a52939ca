import {
  defineScript,
  type RedisAdapter,
  RedisNotReplicatedError,
  ScriptRunner,
} from '@pikku/redis-core'
import { type ClusterNode, RedisCluster, until } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENTS, connectionTo } from '../clients.js'

const put = defineScript({
  name: 'put',
  lua: ["return redis.call('SET', KEYS[1], ARGV[1])"],
  keys: ['key'],
  args: ['value'],
  durable: true,
  parse: String,
})

/** What a repetition is: it finds what it was to write. */
const keep = defineScript({
  name: 'keep',
  lua: ["return redis.call('GET', KEYS[1])"],
  keys: ['key'],
  args: [],
  durable: true,
  parse: String,
})

const SETTINGS = ['--cluster-allow-replica-migration', 'no']

describe.each(CLIENTS)('durable calls in a cluster over $client', (client) => {
  let cluster: RedisCluster
  let adapter: RedisAdapter
  let runner: ScriptRunner
  let keys = 0

  beforeAll(async () => {
    cluster = await RedisCluster.start({
      masters: 3,
      replicas: 1,
      args: SETTINGS,
    })
    // The last master is without one from now on.
    const [first] = cluster.masters
    const last = cluster.replicas[2]!.raw
    await last.command('CLUSTER', 'REPLICATE', first!.id)
    await until(async () => {
      const info = String(await last.command('INFO', 'replication'))
      const port = `master_port:${first!.server.port}\r`
      return info.includes(port) && info.includes('master_link_status:up')
    })
    adapter = new client.Service(connectionTo(client, cluster.urls)).adapter
    await adapter.open()
    const durability = { replicas: 1, timeoutMs: 300 }
    runner = new ScriptRunner(adapter, { callTimeoutMs: 5_000, durability })
  })

  afterAll(async () => {
    await adapter.close()
    await cluster.stop()
  })

  /** A key that has not been used, in a slot of this master. */
  async function keyAt(master: ClusterNode): Promise<string> {
    for (;;) {
      const key = `key:${keys++}`
      const slot = await cluster.slotOf(key)
      if ((await cluster.ownerOf(slot)) === master) return key
    }
  }

  async function moved(key: string, to: ClusterNode): Promise<void> {
    await cluster.migrateSlot(await cluster.slotOf(key), to)
  }

  const write = (key: string, value: string) =>
    runner.run(put, { keys: { key }, args: { value } })

  test('are confirmed by the replicas of the master of their key', async () => {
    const [first, second, third] = cluster.masters
    for (const master of [first!, second!]) {
      const key = await keyAt(master)
      expect(await write(key, 'one')).toBe('OK')
      expect(await write(key, 'two')).toBe('OK')
    }
    const failure = write(await keyAt(third!), 'alone')
    await expect(failure).rejects.toBeInstanceOf(RedisNotReplicatedError)
  })

  test('are confirmed after their slot moved to another master', async () => {
    const [first, second] = cluster.masters
    const key = await keyAt(first!)
    await write(key, 'before')
    await moved(key, second!)
    expect(await write(key, 'after')).toBe('OK')
    expect(await adapter.send({ key, args: ['GET', key] })).toBe('after')
  })

  test('say so when the master that has the slot now has no replica', async () => {
    const [first, , third] = cluster.masters
    const key = await keyAt(first!)
    await write(key, 'before')
    await moved(key, third!)
    const failure = write(key, 'after')
    await expect(failure).rejects.toBeInstanceOf(RedisNotReplicatedError)
    expect(await adapter.send({ key, args: ['GET', key] })).toBe('after')
  })

  test('in a slot on the move are written, and not confirmed', async () => {
    const [first, second] = cluster.masters
    const key = await keyAt(first!)
    const slot = await cluster.slotOf(key)
    await cluster.migrateSlot(slot, second!, async () => {
      const failure = write(key, 'here')
      await expect(failure).rejects.toBeInstanceOf(RedisNotReplicatedError)
      await expect(failure).rejects.toThrow(/moving/)
    })
    expect(await adapter.send({ key, args: ['GET', key] })).toBe('here')
  })

  test('that change nothing wait for something of their own', async () => {
    // Since 7.2 WAIT counts from the last write of its own connection.
    const master = cluster.masters[1]!
    const replica = cluster.replicas[1]!.raw
    const written = async () => {
      const stats = String(await replica.command('INFO', 'commandstats'))
      return Number(/cmdstat_del:calls=(\d+)/.exec(stats)?.[1] ?? 0)
    }
    const plain = await keyAt(master)
    const slots = `{${plain}}`
    for (const key of [plain, `${slots}:a{b`, `a:${slots}`]) {
      await write(key, 'kept')
      for (const maxmemory of ['0', '1']) {
        await master.raw.command('CONFIG', 'SET', 'maxmemory', maxmemory)
        const before = await written()
        expect(await runner.run(keep, { keys: { key }, args: {} })).toBe('kept')
        expect(await written()).toBeGreaterThan(before)
      }
      await master.raw.command('CONFIG', 'SET', 'maxmemory', '0')
    }
    expect(await master.raw.command('KEYS', '*scratch*')).toEqual([])
  })

  test('leave reads of one key whole when its slot moved', async () => {
    const [first, second] = cluster.masters
    const key = await keyAt(first!)
    await write(key, 'before')
    await moved(key, second!)
    const reads = await runner.sendAll([
      ['GET', key],
      ['EXISTS', key],
    ])
    expect(reads).toEqual(['before', 1])
  })
})
