import type { RedisChannelStore, RedisEventHubStore } from '@pikku/redis'
import { FaultProxy } from '@pikku/redis-core/testing'
import {
  RawConnection,
  uniquePrefix,
  until,
  WorkerProcess,
} from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { openChannels, openHub } from '../channels/channel-setup.js'
import { CLIENTS } from '../clients.js'
import type { ChannelWorkerSetup } from './workers/channel-worker.js'

const LEASE_MS = 600
/** From the end of a lease: until the next sweep, and its own time. */
const SWEEP_MS = LEASE_MS / 3 + 1_000
const WORKER = new URL('./workers/channel-worker.ts', import.meta.url)

describe.each(CLIENTS)('a process with channels over $client', (client) => {
  let keyPrefix: string
  let store: RedisChannelStore
  let hub: RedisEventHubStore
  let raw: RawConnection
  let workers: WorkerProcess[]

  beforeEach(async () => {
    keyPrefix = uniquePrefix()
    workers = []
    raw = await RawConnection.open(inject('redisUrl'))
    store = await openChannels(client, keyPrefix, { leaseMs: LEASE_MS })
    hub = await openHub(client, keyPrefix)
  })

  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.kill()))
    await store.close()
    await hub.close()
    await raw.close()
  })

  async function startWorker(
    channelIds: readonly string[]
  ): Promise<WorkerProcess> {
    const setup: ChannelWorkerSetup = {
      client: client.client,
      url: inject('redisUrl'),
      keyPrefix,
      leaseMs: LEASE_MS,
    }
    const worker = await WorkerProcess.start(WORKER, {
      env: { CHANNEL_WORKER: JSON.stringify(setup) },
    })
    workers.push(worker)
    await worker.waitForLine('ready', 30_000)
    for (const id of channelIds) worker.writeLine(id)
    await worker.waitForLine(`added ${channelIds.at(-1)}`, 30_000)
    return worker
  }

  /** Every key that is not about this process's own channel. */
  const others = async () =>
    ((await raw.command('KEYS', `${keyPrefix}:*`)) as string[]).filter(
      (key) => !/:(channel|subs|topic):(mine|all)$/.test(key)
    )
  const ofWorker = (id: string) => id.startsWith('worker ')
  const listening = async () =>
    (await hub.getChannelIdsForTopic('all')).filter(ofWorker)

  test('that is killed leaves nothing after its lease', async () => {
    await store.addChannel({ channelId: 'mine', channelName: 'chat' })
    await hub.subscribe('all', 'mine')
    const ids = Array.from({ length: 150 }, (_, i) => `worker ${i}`)
    const worker = await startWorker(ids)
    expect(await listening()).toHaveLength(150)

    await worker.kill('SIGKILL')
    const died = performance.now()
    await until(async () => (await listening()).length === 0)
    expect(performance.now() - died).toBeLessThan(LEASE_MS + SWEEP_MS)

    // The owner itself is the last to go.
    await until(
      async () =>
        (await raw.command('ZCARD', `${keyPrefix}:channel-owners`)) === 1
    )
    const kept = (await others()).filter((key) => !key.includes(':removed-'))
    expect(kept.toSorted()).toEqual([
      `${keyPrefix}:channel-owners`,
      `${keyPrefix}:owned-channels`,
    ])
    const owned = await raw.command(
      'ZRANGE',
      `${keyPrefix}:owned-channels`,
      '0',
      '-1'
    )
    expect(owned).toEqual([expect.stringMatching(/:mine$/)])
    // What says that they were removed goes by itself.
    for (const key of await others()) {
      if (!key.includes(':removed-')) continue
      expect(Number(await raw.command('PTTL', key))).toBeGreaterThan(0)
    }
    expect(await hub.getChannelIdsForTopic('all')).toEqual(['mine'])
  })

  test('that is paused for longer than its lease is told, and goes on', async () => {
    const worker = await startWorker(['worker 1', 'worker 2'])
    await worker.kill('SIGSTOP')
    await until(async () => (await listening()).length === 0)
    await worker.kill('SIGCONT')
    await worker.waitForLine('lost ["worker 1","worker 2"]')
    worker.writeLine('worker 3')
    await worker.waitForLine('added worker 3')
    // Its new lease is renewed like the first.
    await until(async () => {
      const scores = (await raw.command(
        'ZRANGE',
        `${keyPrefix}:channel-owners`,
        '0',
        '-1',
        'WITHSCORES'
      )) as string[]
      return scores.length === 4 && !scores.includes('0')
    })
    expect(await listening()).toEqual(['worker 3'])
    await expect(store.getChannel('worker 1')).rejects.toThrow('not found')
    expect(await store.getState('worker 3')).toEqual({ of: 'worker 3' })
  })

  test('that is cut off from Redis says so, and keeps what nobody took', async () => {
    const { hostname, port } = new URL(inject('redisUrl'))
    const proxy = await FaultProxy.start({ host: hostname, port: Number(port) })
    const warnings: string[] = []
    const lost: string[][] = []
    const alone = uniquePrefix()
    const cut = await openChannels(
      client,
      alone,
      {
        leaseMs: LEASE_MS,
        logger: { warn: (message) => void warnings.push(message) },
        onChannelsLost: (ids) => void lost.push(ids),
      },
      proxy.url
    )
    await cut.addChannel({ channelId: 'c', channelName: 'chat' })
    proxy.refuse()
    await until(async () => warnings.length > 3)
    expect(warnings[0]).toContain('A lease was not renewed')
    expect(warnings[0]).toContain(alone)
    const ends = async () =>
      Number(
        (
          (await raw.command(
            'ZRANGE',
            `${alone}:channel-owners`,
            '0',
            '-1',
            'WITHSCORES'
          )) as string[]
        )[1]
      )
    const before = await ends()
    proxy.pass()
    await until(async () => (await ends()) > before)
    expect(await cut.getChannel('c')).toMatchObject({ channelId: 'c' })
    expect(lost).toEqual([])

    proxy.refuse()
    const began = performance.now()
    await cut.close()
    expect(performance.now() - began).toBeLessThan(6_000)
    expect(warnings.at(-1)).toContain('at close()')
    await proxy.close()
  })

  test('that is killed while it adds leaves no half a channel', async () => {
    const worker = await startWorker(['worker 0'])
    for (let i = 1; i < 2_000; i++) worker.writeLine(`worker ${i}`)
    await worker.waitForLine('added worker 100', 30_000)
    await worker.kill('SIGKILL')
    await until(
      async () =>
        (await raw.command('ZCARD', `${keyPrefix}:channel-owners`)) === 1
    )
    const kept = (await others()).filter((key) => !key.includes(':removed-'))
    expect(kept).toEqual([`${keyPrefix}:channel-owners`])
  })
})
