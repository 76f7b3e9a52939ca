import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RawReplyError, RedisCluster, type RawCluster } from '../src/index.js'

describe('a cluster', () => {
  let cluster: RedisCluster
  let raw: RawCluster

  beforeAll(async () => {
    cluster = await RedisCluster.start({ replicas: 1 })
    raw = await cluster.connect()
  })

  afterAll(async () => {
    await raw.close()
    await cluster.stop()
  })

  test('covers every slot with its masters, each with a replica', async () => {
    expect(cluster.masters).toHaveLength(3)
    expect(cluster.replicas).toHaveLength(3)
    for (const slot of [0, 5_461, 5_462, 10_922, 10_924, 16_383]) {
      expect(cluster.masters).toContain(await cluster.ownerOf(slot))
    }
    for (const { raw } of cluster.masters) {
      const info = String(await raw.command('INFO', 'replication'))
      expect(info).toContain('connected_slaves:1')
    }
  })

  test('answers for keys of every node, and counts all of them', async () => {
    const keys = Array.from({ length: 30 }, (_, n) => `key-${n}`)
    for (const key of keys) await raw.command('SET', key, key)
    for (const key of keys) expect(await raw.command('GET', key)).toBe(key)
    const found = (await raw.command('KEYS', 'key-*')) as string[]
    expect(found.toSorted()).toEqual(keys.toSorted())
    const sizes = cluster.masters.map(({ raw }) => raw.command('DBSIZE'))
    expect(await Promise.all(sizes)).not.toContain(0)
    expect(await raw.command('DBSIZE')).toBe(30)
  })

  test('moves a slot while it is used: ASK in the middle, MOVED after it', async () => {
    const keys = Array.from({ length: 10 }, (_, n) => `{moving}${n}`)
    for (const key of keys) await raw.command('SET', key, key)
    const slot = await cluster.slotOf('{moving}')
    const from = await cluster.ownerOf(slot)
    const to = cluster.masters.find((node) => node !== from)!
    const redirects = async () => {
      const replies = keys.map((key) =>
        from.raw.command('GET', key).catch((error: unknown) => {
          if (!(error instanceof RawReplyError)) throw error
          return error.message.split(' ')[0]
        })
      )
      return Promise.all(replies)
    }
    await cluster.migrateSlot(slot, to, async () => {
      const seen = await redirects()
      expect(seen.filter((reply) => reply === 'ASK')).toHaveLength(5)
      expect(
        seen.filter((reply) => keys.includes(reply as string))
      ).toHaveLength(5)
      for (const key of keys) expect(await raw.command('GET', key)).toBe(key)
    })
    expect(await redirects()).toEqual(keys.map(() => 'MOVED'))
    expect(await cluster.ownerOf(slot)).toBe(to)
    for (const key of keys) expect(await raw.command('GET', key)).toBe(key)
  })
})
