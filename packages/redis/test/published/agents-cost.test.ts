import { RedisAgentRunService as Published } from '@pikku/redis-published'
import { CommandCounter, RedisServer, uniquePrefix } from '@pikku/redis-testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'

const OTHERS = 500

/** A server of its own: it counts what everybody sends. */
describe.each(CLIENTS)(
  'what a page of threads costs over $client',
  (client) => {
    let server: RedisServer

    beforeAll(async () => {
      server = await RedisServer.start()
    })
    afterAll(() => server.stop())

    /** What the server runs, commands inside of scripts included. */
    async function commandsOf(call: () => Promise<unknown>): Promise<number> {
      const counter = await CommandCounter.start(server.url)
      await call()
      return (await counter.stop()).total
    }

    test('it does not grow with the threads of others, as with 0.12.18', async () => {
      const keyPrefix = uniquePrefix('cost')
      const { RedisAgentRunService, RedisAgentStorageService } = client.entry
      const storage = new RedisAgentStorageService(server.url, keyPrefix)
      const runs = new RedisAgentRunService(server.url, keyPrefix)
      const redis = new Redis(server.url)
      type Client = ConstructorParameters<typeof Published>[0]
      const published = new Published(redis as unknown as Client, keyPrefix)
      await storage.init()
      await runs.init()

      const usage = { inputTokens: 0, outputTokens: 0, model: 'm' }
      const create = async (resourceId: string) => {
        const { id: threadId } = await storage.createThread(resourceId)
        const now = new Date()
        await storage.createRun({
          threadId,
          resourceId,
          agentName: resourceId,
          usage,
          status: 'running',
          createdAt: now,
          updatedAt: now,
        })
      }
      await create('mine')
      await create('mine:part')
      const pages = [
        {},
        { owners: ['mine'] },
        { resourceId: 'mine' },
        { agentName: 'mine' },
        { agentName: 'mine', owners: ['mine'] },
      ].map((filter) => ({ ...filter, limit: 2 }))
      const cost = async (of: Published | typeof runs) => {
        const counts: number[] = []
        for (const page of pages) {
          counts.push(await commandsOf(() => of.listThreads(page)))
        }
        return counts
      }
      await cost(runs)
      const before = await cost(runs)
      await cost(published)
      await Promise.all(
        Array.from({ length: OTHERS }, (_, n) => create(`other-${n % 7}`))
      )
      expect(await cost(runs)).toEqual(before)
      expect((await cost(published))[1]).toBeGreaterThan(OTHERS)

      await runs.close()
      await storage.close()
      await redis.quit()
    })
  }
)
