import { afterEach, describe, test } from 'vitest'
import { CLIENTS, connectionOf, testPrefix } from '../clients.js'
import type { Exercise } from './workout.js'
import { WORKOUTS } from './workouts.js'

const NUMBERS = Array.from({ length: 20 }, (_, n) => n)

/** On a single server, on a cluster and as a restricted user. */
describe.each(CLIENTS)('over $client', (client) => {
  describe.each(WORKOUTS)('$service', ({ open }) => {
    let exercise: Exercise

    afterEach(() => exercise.close())

    const start = async () => {
      exercise = open(client, connectionOf(client), testPrefix())
      await exercise.init()
      return exercise
    }

    test('keeps what was written, by many at once', async () => {
      await start()
      await Promise.all(NUMBERS.map((n) => exercise.write(n)))
      for (const n of NUMBERS) await exercise.expectWritten(n)
    })

    test('a write that is made again changes nothing', async () => {
      await start()
      await exercise.write(1)
      await exercise.write(1)
      await exercise.expectWritten(1)
    })
  })
})
