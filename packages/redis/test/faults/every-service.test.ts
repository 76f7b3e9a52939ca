import {
  RedisClosedError,
  RedisConnectionError,
  RedisError,
} from '@pikku/redis'
import { FaultProxy } from '@pikku/redis-core/testing'
import { RawConnection, RedisServer, uniquePrefix } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'
import type { Exercise } from '../services/workout.js'
import { WORKOUTS } from '../services/workouts.js'

const LANES = 4
const CALLS = 15
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']

/** Servers of their own: what happens here happens to everybody on them. */
describe.each(CLIENTS)('over $client', (client) => {
  describe.each(WORKOUTS)('$service', ({ open }) => {
    let server: RedisServer
    let proxy: FaultProxy
    let raw: RawConnection
    let exercise: Exercise
    /** Looks at what is there, past the proxy. */
    let direct: Exercise

    beforeEach(async () => {
      server = await RedisServer.start({ args: DURABLE })
      const { host, port } = server
      proxy = await FaultProxy.start({ host, port })
      raw = await RawConnection.open(server.url)
      const prefix = uniquePrefix()
      exercise = open(client, proxy.url, prefix)
      direct = open(client, server.url, prefix)
      await exercise.init()
      await direct.init()
    })

    afterEach(async () => {
      await exercise.close()
      await direct.close()
      await raw.close()
      await proxy.close()
      await server.stop()
    })

    /** Writes on several lanes beside the fault; checks what became of each. */
    async function underLoad(fault: () => Promise<unknown>): Promise<void> {
      const written: number[] = []
      const failed: number[] = []
      const errors: unknown[] = []
      const lane = async (first: number) => {
        for (let n = first; n < first + CALLS; n++) {
          await exercise.write(n).then(
            () => written.push(n),
            (error: unknown) => {
              failed.push(n)
              errors.push(error)
            }
          )
        }
      }
      const lanes = Array.from({ length: LANES }, (_, i) => lane(i * CALLS))
      await Promise.all([...lanes, fault()])
      expect(errors.filter((e) => !(e instanceof RedisError))).toEqual([])
      for (const n of written) await direct.expectWritten(n)
      for (const n of failed) await direct.expectWhole(n)
      expect(written.length).toBeGreaterThan(0)
    }

    test('connections that break lose nothing that was written', async () => {
      await underLoad(async () => {
        for (let i = 0; i < 5; i++) {
          await proxy.waitForRequest('EVAL')
          proxy.cut()
        }
      })
    })

    test('a reply that is lost is one write', async () => {
      await exercise.write(1)
      const lost = proxy.cutReplyAfter(0)
      await exercise.write(2)
      await lost
      await direct.expectWritten(2)
    })

    test('SCRIPT FLUSH is not noticed', async () => {
      await exercise.write(1)
      await raw.command('SCRIPT', 'FLUSH')
      await exercise.write(2)
      await exercise.expectWritten(1)
      await exercise.expectWritten(2)
    })

    test('a server that restarts with its log keeps what was written', async () => {
      await underLoad(() => server.restart())
    })

    test('a server that is gone is an error that names it', async () => {
      proxy.refuse()
      const other = open(client, proxy.url, uniquePrefix())
      await expect(other.init()).rejects.toBeInstanceOf(RedisConnectionError)
      await other.close()
    })

    test('a call after close() is an error, not a wait', async () => {
      const other = open(client, server.url, uniquePrefix())
      await other.init()
      await other.close()
      await expect(other.write(1)).rejects.toBeInstanceOf(RedisClosedError)
    })
  })
})
