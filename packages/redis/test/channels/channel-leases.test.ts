import type {
  RedisChannelStore,
  RedisChannelStoreOptions,
  RedisEventHubStore,
} from '@pikku/redis'
import type { ChannelKeys } from '@pikku/redis-core'
import { type RawRedis, until } from '@pikku/redis-testing'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
  vi,
} from 'vitest'
import { CLIENTS, openRaw, testPrefix } from '../clients.js'
import {
  channelKeysOf,
  openChannels,
  openHub,
  remainsOf,
} from './channel-setup.js'

const LONG_MS = 60_000
const SHORT_MS = 600

describe.each(CLIENTS)(
  'the lease of a channel store over $client',
  (client) => {
    let raw: RawRedis
    let keyPrefix: string
    let keys: ChannelKeys
    let hub: RedisEventHubStore
    let warnings: string[]
    let opened: RedisChannelStore[]

    beforeAll(async () => {
      raw = await openRaw()
    })
    beforeEach(async () => {
      keyPrefix = testPrefix()
      keys = channelKeysOf(keyPrefix)
      warnings = []
      opened = []
      hub = await openHub(client, keyPrefix)
    })
    afterEach(async () => {
      await Promise.all(opened.map((store) => store.close()))
      await hub.close()
    })
    afterAll(() => raw.close())

    const logger = { warn: (message: string) => void warnings.push(message) }

    async function open(options: RedisChannelStoreOptions) {
      const store = await openChannels(client, keyPrefix, {
        logger,
        ...options,
      })
      opened.push(store)
      return store
    }

    async function addListening(store: RedisChannelStore, channelId: string) {
      await store.addChannel({ channelId, channelName: 'chat' })
      expect(await hub.subscribe('t', channelId)).toBe(true)
    }

    /** When the lease of each owner ends. */
    async function owners(): Promise<Map<string, number>> {
      const flat = (await raw.command(
        'ZRANGE',
        keys.owners,
        '0',
        '-1',
        'WITHSCORES'
      )) as string[]
      const leases = new Map<string, number>()
      for (let i = 0; i < flat.length; i += 2) {
        leases.set(flat[i]!, Number(flat[i + 1]))
      }
      return leases
    }

    /** As if the only owner's process had been away for so long. */
    async function letExpire(): Promise<string> {
      const [[owner] = []] = [...(await owners())]
      await raw.command('ZADD', keys.owners, '1', owner!)
      return owner!
    }

    const isGone = async (channelId: string) =>
      (await remainsOf(raw, keys, channelId, ['t'])).length === 0

    test('a store without one adds channels that stay', async () => {
      const store = await open({})
      await addListening(store, 'c')
      await store.close()
      expect(await owners()).toEqual(new Map())
      await open({ leaseMs: LONG_MS })
      expect(await hub.getChannelIdsForTopic('t')).toEqual(['c'])
    })

    test('a logger that fails ends no renewals', async () => {
      let lines = 0
      const warn = () => {
        lines++
        throw new Error('the disk is full')
      }
      const lost: string[][] = []
      const store = await open({
        leaseMs: SHORT_MS,
        logger: { warn },
        onChannelsLost: (ids) => void lost.push(ids),
      })
      await addListening(store, 'c')
      await raw.command('SET', keys.owners, 'no index')
      await until(async () => lines > 0)
      await raw.command('DEL', keys.owners)
      await until(async () => lost.length === 1)
      expect(lost).toEqual([['c']])
      await until(async () => (await owners()).size === 1)
    })

    test('it is renewed while the store is open', async () => {
      const store = await open({ leaseMs: SHORT_MS })
      await addListening(store, 'c')
      const [[owner, first] = []] = [...(await owners())]
      await until(
        async () => (await owners()).get(owner!)! > first! + 3 * SHORT_MS
      )
      expect(await hub.getChannelIdsForTopic('t')).toEqual(['c'])
      expect(warnings).toEqual([])
    })

    test('close() removes what is still owned, and the owner', async () => {
      const store = await open({ leaseMs: LONG_MS })
      for (let i = 0; i < 250; i++) await addListening(store, `c${i}`)
      const other = await open({ leaseMs: LONG_MS })
      await addListening(other, 'stays')
      await store.close()
      expect(await hub.getChannelIdsForTopic('t')).toEqual(['stays'])
      expect(await isGone('c7')).toBe(true)
      expect((await owners()).size).toBe(1)
      expect(warnings).toEqual([])
    })

    test('a store removes what a dead one left', async () => {
      const dead = await open({ leaseMs: LONG_MS })
      for (let i = 0; i < 250; i++) await addListening(dead, `c${i}`)
      const owner = await letExpire()
      const alive = await open({ leaseMs: SHORT_MS })
      await addListening(alive, 'alive')
      await until(async () => !(await owners()).has(owner))
      expect(await hub.getChannelIdsForTopic('t')).toEqual(['alive'])
      expect(await isGone('c249')).toBe(true)
      // Its process may only be paused, and wake up late.
      expect(await hub.subscribe('t', 'c249')).toBe(false)
      const known = keys.removedChannelKey('c249')
      const hours = Number(await raw.command('PTTL', known)) / 3_600_000
      expect(hours).toBeGreaterThan(23)
    })

    test('many sweep at once what many dead ones left', async () => {
      const dead = await Promise.all(
        Array.from({ length: 4 }, () => open({ leaseMs: LONG_MS }))
      )
      await Promise.all(
        dead.flatMap((store, s) =>
          Array.from({ length: 60 }, (_, i) =>
            addListening(store, `c${s} ${i}`)
          )
        )
      )
      const gone = [...(await owners()).keys()]
      for (const owner of gone) {
        await raw.command('ZADD', keys.owners, '1', owner)
      }
      await Promise.all(
        // Not so short that a machine that is busy makes one of them late.
        Array.from({ length: 5 }, () => open({ leaseMs: 4 * SHORT_MS }))
      )
      await until(async () => {
        const left = await owners()
        return gone.every((owner) => !left.has(owner))
      })
      expect(await hub.getChannelIdsForTopic('t')).toEqual([])
      expect(await raw.command('EXISTS', keys.ownedChannels)).toBe(0)
      expect(warnings).toEqual([])
    })

    test('an owner that is late but was not given up keeps its channels', async () => {
      const onChannelsLost = vi.fn<(ids: string[]) => void>()
      const store = await open({ leaseMs: 600, onChannelsLost })
      await addListening(store, 'c')
      const owner = await letExpire()
      await until(async () => (await owners()).get(owner)! > 1)
      expect(await hub.getChannelIdsForTopic('t')).toEqual(['c'])
      expect(onChannelsLost).not.toHaveBeenCalled()
    })

    test('a store that begins leaves the others time to renew', async () => {
      const onChannelsLost = vi.fn<(ids: string[]) => void>()
      const store = await open({ leaseMs: 900, onChannelsLost })
      await addListening(store, 'c')
      // As after an outage, from which this one comes back first.
      const owner = await letExpire()
      await open({ leaseMs: 900 })
      await until(async () => (await owners()).get(owner)! > 1)
      expect(await hub.getChannelIdsForTopic('t')).toEqual(['c'])
      expect(onChannelsLost).not.toHaveBeenCalled()
    })

    test('who was late itself leaves the others time to renew', async () => {
      const store = await open({ leaseMs: 600 })
      const owner = await letExpire()
      // Another one that the same outage kept from renewing.
      await raw.command('ZADD', keys.owners, '2', 'other')
      await until(async () => (await owners()).get(owner)! > 1)
      const renewed = (await owners()).get(owner)!
      await until(async () => (await owners()).get(owner)! > renewed)
      expect((await owners()).get('other')).toBe(2)
      // It does not come back, so it is dead.
      await until(async () => !(await owners()).has('other'))
      await store.close()
    })

    test('an owner that was given up is told, and goes on as a new one', async () => {
      const onChannelsLost = vi.fn<(ids: string[]) => void>()
      const store = await open({ leaseMs: 900, onChannelsLost })
      await addListening(store, 'a')
      await addListening(store, 'b')
      await addListening(store, 'closed')
      await store.removeChannels(['closed'])
      const owner = await letExpire()
      // Another store's sweep, before this one can renew.
      await raw.command('ZADD', keys.owners, '0', owner)
      await open({ leaseMs: SHORT_MS })
      await until(async () => onChannelsLost.mock.calls.length > 0)
      expect(onChannelsLost.mock.calls).toEqual([[['a', 'b']]])
      await until(async () => !(await owners()).has(owner))
      expect(await hub.getChannelIdsForTopic('t')).toEqual([])
      expect(warnings.join()).toContain('lease on 2 channels')

      await addListening(store, 'a')
      expect(await hub.getChannelIdsForTopic('t')).toEqual(['a'])
      await store.close()
      expect(await hub.getChannelIdsForTopic('t')).toEqual([])
    })

    test('adding finds out before the renewal does', async () => {
      const onChannelsLost = vi.fn<(ids: string[]) => void>(() => {
        throw new Error('of the application')
      })
      const store = await open({ leaseMs: LONG_MS, onChannelsLost })
      await addListening(store, 'a')
      const owner = await letExpire()
      const sweeper = await open({ leaseMs: SHORT_MS })
      await until(async () => !(await owners()).has(owner))
      await Promise.all([addListening(store, 'b'), addListening(store, 'c')])
      expect(onChannelsLost.mock.calls).toEqual([[['a']]])
      expect(warnings.join()).toContain('of the application')
      expect((await hub.getChannelIdsForTopic('t')).toSorted()).toEqual([
        'b',
        'c',
      ])
      await sweeper.close()
    })

    test('a channel that another store took over is not swept', async () => {
      const dead = await open({ leaseMs: LONG_MS })
      await addListening(dead, 'moved')
      await addListening(dead, 'left')
      const owner = await letExpire()
      const lone = await open({})
      await lone.addChannel({ channelId: 'moved', channelName: 'chat' })
      await open({ leaseMs: SHORT_MS })
      await until(async () => !(await owners()).has(owner))
      expect(await hub.getChannelIdsForTopic('t')).toEqual(['moved'])
      expect(await lone.getChannel('moved')).toMatchObject({
        channelId: 'moved',
      })
    })

    test('nor is one that 0.12 removed and added anew', async () => {
      const dead = await open({ leaseMs: LONG_MS })
      await addListening(dead, 'anew')
      const key = keys.channelKey('anew')
      await raw.command('DEL', key)
      await raw.command('HSET', key, 'channelId', 'anew', 'channelName', 'chat')
      const owner = await letExpire()
      await open({ leaseMs: SHORT_MS })
      await until(async () => !(await owners()).has(owner))
      expect(await hub.getChannelIdsForTopic('t')).toEqual(['anew'])
      expect(await raw.command('EXISTS', keys.ownedChannels)).toBe(0)
    })

    test('what cannot be removed is logged, and keeps nothing else', async () => {
      const dead = await open({ leaseMs: LONG_MS })
      await addListening(dead, 'bad')
      await addListening(dead, 'good')
      const bad = keys.channelKey('bad')
      await raw.command('DEL', bad)
      await raw.command('SET', bad, 'a text')
      const owner = await letExpire()
      await open({ leaseMs: 300 })
      await until(async () => warnings.some((warning) => warning.includes(bad)))
      await until(() => isGone('good'))
      expect((await owners()).get(owner)).toBe(0)
      await raw.command('DEL', bad)
      await until(async () => !(await owners()).has(owner))
      expect(await isGone('bad')).toBe(true)
    })
  }
)
