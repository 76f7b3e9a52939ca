import { expect } from 'vitest'
import type { Workout } from '../services/workout.js'

const sessionOf = (n: number) => ({ userId: `user-${n}`, orgId: 'org' })

export const sessionWorkout: Workout = {
  service: 'RedisSessionStore',
  open(client, connection, keyPrefix) {
    const store = new client.entry.RedisSessionStore(connection, {
      keyPrefix,
      ttlMs: 60_000,
      sliding: true,
    })
    const read = (n: number) => store.get(`user-${n}`)
    return {
      init: () => store.init(),
      close: () => store.close(),
      write: (n) => store.set(`user-${n}`, sessionOf(n)),
      expectWritten: async (n) => expect(await read(n)).toEqual(sessionOf(n)),
      expectWhole: async (n) =>
        expect([undefined, sessionOf(n)]).toContainEqual(await read(n)),
    }
  },
}
