import { expect } from 'vitest'
import type { Workout } from '../services/workout.js'
import { approval, message } from './agents-harness.js'

const threadOf = (n: number) => `thread-${n}`
const messagesOf = (n: number) => [message(`a-${n}`, n), message(`b-${n}`, n)]
const runOf = (n: number) => ({
  agentName: 'agent',
  threadId: threadOf(n),
  resourceId: `owner-${n}`,
  status: 'suspended' as const,
  pendingApprovals: [approval(`call-${n}`)],
  usage: { inputTokens: 0, outputTokens: 0, model: 'm' },
  createdAt: new Date(n),
  updatedAt: new Date(n),
})

/** A thread with two messages and a working memory. */
export const agentStorageWorkout: Workout = {
  service: 'RedisAgentStorageService',
  open(client, connection, keyPrefix) {
    const { RedisAgentStorageService } = client.entry
    const storage = new RedisAgentStorageService(connection, { keyPrefix })
    const threadId = threadOf
    return {
      init: () => storage.init(),
      close: () => storage.close(),
      write: async (n) => {
        await storage.createThread(`owner-${n}`, { threadId: threadId(n) })
        await storage.saveMessages(threadId(n), messagesOf(n))
        await storage.saveWorkingMemory(threadId(n), 'thread', { n })
      },
      expectWritten: async (n) => {
        expect(await storage.getMessages(threadId(n))).toEqual(messagesOf(n))
        const memory = await storage.getWorkingMemory(threadId(n), 'thread')
        expect(memory).toEqual({ n })
        const threads = await storage.getThreads(`owner-${n}`)
        expect(threads.map(({ id }) => id)).toEqual([threadId(n)])
      },
      expectWhole: async (n) => {
        const messages = await storage.getMessages(threadId(n))
        expect([[], messagesOf(n)]).toContainEqual(messages)
      },
    }
  },
}

/** A thread that was made and deleted. */
export const agentRunWorkout: Workout = {
  service: 'RedisAgentRunService',
  open(client, connection, keyPrefix) {
    const { RedisAgentRunService, RedisAgentStorageService } = client.entry
    const runs = new RedisAgentRunService(connection, { keyPrefix })
    const storage = new RedisAgentStorageService(runs.adapter, { keyPrefix })
    const owners = (n: number) => ({ owners: [`owner-${n}`] })
    return {
      init: () => runs.init(),
      close: () => runs.close(),
      write: async (n) => {
        const threadId = threadOf(n)
        await storage.createThread(`owner-${n}`, { threadId })
        await storage.createRun(runOf(n))
        await storage.saveMessages(threadId, messagesOf(n))
        await runs.deleteThread(threadId)
      },
      expectWritten: async (n) => {
        expect(await runs.getThread(threadOf(n))).toBeNull()
        expect(await runs.getThreadRuns(threadOf(n))).toEqual([])
        expect(await runs.getThreadMessages(threadOf(n))).toEqual([])
        expect(await runs.listThreads(owners(n))).toEqual([])
        expect(await storage.findRunByToolCallId(`call-${n}`)).toBeNull()
      },
      expectWhole: async (n) => {
        const thread = await runs.getThread(threadOf(n))
        const listed = await runs.listThreads(owners(n))
        expect(listed).toEqual(thread ? [thread] : [])
        const messages = await runs.getThreadMessages(threadOf(n))
        expect(thread ? [[], messagesOf(n)] : [[]]).toContainEqual(messages)
      },
    }
  },
}
