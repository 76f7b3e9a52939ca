import { expect } from 'vitest'
import type { Workout } from '../services/workout.js'
import { BEFORE } from './keys.js'

const secretOf = (n: number) => ({ token: `token-${n}`, scopes: [] })

export const secretWorkout: Workout = {
  service: 'RedisSecretService',
  open(client, connection, keyPrefix) {
    const service = new client.entry.RedisSecretService(connection, {
      ...BEFORE,
      keyPrefix,
    })
    const read = async (n: number) => {
      const secrets = await service.getSecrets([`secret-${n}`])
      return secrets[`secret-${n}`]?.reveal()
    }
    return {
      init: () => service.init(),
      close: () => service.close(),
      write: (n) => service.setSecret(`secret-${n}`, secretOf(n)),
      expectWritten: async (n) => expect(await read(n)).toEqual(secretOf(n)),
      expectWhole: async (n) =>
        expect([undefined, secretOf(n)]).toContainEqual(await read(n)),
    }
  },
}
