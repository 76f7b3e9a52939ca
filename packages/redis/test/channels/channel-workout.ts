import { expect } from 'vitest'
import { RedisChannelNotFoundError } from '@pikku/redis'
import type { Workout } from '../services/workout.js'

const idOf = (n: number) => `channel-${n}`
const topicOf = (n: number) => `topic-${n}`

export const channelWorkout: Workout = {
  service: 'RedisChannelStore',
  open(client, connection, keyPrefix) {
    const store = new client.entry.RedisChannelStore(connection, {
      keyPrefix,
      leaseMs: 60_000,
    })
    const channelOf = (n: number) => ({
      channelId: idOf(n),
      channelName: 'chat',
      openingData: { n },
    })
    const read = async (n: number) => {
      try {
        return await store.getChannel(idOf(n))
      } catch (error) {
        if (error instanceof RedisChannelNotFoundError) return undefined
        throw error
      }
    }
    return {
      init: () => store.init(),
      close: () => store.close(),
      // A channel that was there goes, and another of its id comes.
      async write(n) {
        await store.removeChannels([idOf(n)])
        await store.addChannel(channelOf(n))
        await store.setPikkuUserId(idOf(n), `user-${n}`)
        await store.setState(idOf(n), [n])
      },
      async expectWritten(n) {
        expect(await read(n)).toEqual({
          ...channelOf(n),
          pikkuUserId: `user-${n}`,
        })
        expect(await store.getState(idOf(n))).toEqual([n])
      },
      async expectWhole(n) {
        const channel = await read(n)
        if (channel) expect(channel).toMatchObject(channelOf(n))
        if (!channel) expect(await store.getState(idOf(n))).toBeUndefined()
      },
    }
  },
}

export const eventHubWorkout: Workout = {
  service: 'RedisEventHubStore',
  open(client, connection, keyPrefix) {
    const hub = new client.entry.RedisEventHubStore(connection, keyPrefix)
    const channelsOf = (n: number) => hub.getChannelIdsForTopic(topicOf(n))
    return {
      init: () => hub.init(),
      close: () => hub.close(),
      async write(n) {
        expect(await hub.subscribe(topicOf(n), idOf(n))).toBe(true)
        expect(await hub.subscribe(topicOf(n), 'other')).toBe(true)
        expect(await hub.unsubscribe(topicOf(n), 'other')).toBe(true)
      },
      expectWritten: async (n) =>
        expect(await channelsOf(n)).toEqual([idOf(n)]),
      expectWhole: async (n) =>
        expect([[], [idOf(n)], [idOf(n), 'other']]).toContainEqual(
          (await channelsOf(n)).toSorted()
        ),
    }
  },
}
