import { RedisServer } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, openService, type Service } from '../clients.js'
import { Load } from '../load.js'

const CALL_TIMEOUT_MS = 10_000
const RESTARTS = 3

/**
 * How much may be missing after a `SIGKILL`, in ms: with `everysec` a reply may
 * be sent while a write of the file waits for the disk, for 2 s at most.
 */
const POLICIES = [
  { fsync: 'always', mayLoseMs: 0 },
  { fsync: 'everysec', mayLoseMs: 2_000 },
]

describe.each(CLIENTS)('a killed server over $client', (client) => {
  describe.each(POLICIES)('with appendfsync $fsync', ({ fsync, mayLoseMs }) => {
    let server: RedisServer
    let service: Service

    beforeEach(async () => {
      const args = ['--appendonly', 'yes', '--appendfsync', fsync]
      server = await RedisServer.start({ args })
      const options = { callTimeoutMs: CALL_TIMEOUT_MS }
      service = await openService(client, options, server.url)
    })

    afterEach(async () => {
      await service.close()
      await server.stop()
    })

    test('that comes back under load: calls end in time, recorded results stay', async () => {
      const load = new Load(service)
      const kills: number[] = []
      for (let i = 0; i < RESTARTS; i++) {
        await load.progress(100)
        await server.kill()
        kills.push(performance.now())
        await server.restart()
      }
      await load.progress(100)
      await load.stop()
      load.expectEnded(CALL_TIMEOUT_MS)
      const unexplained = (await load.lost()).filter(
        ({ at }) => !kills.some((kill) => at <= kill && at > kill - mayLoseMs)
      )
      expect(unexplained).toEqual([])
      console.log(`${client.client}, ${fsync}: ${load.summary()}`)
    }, 60_000)
  })
})
