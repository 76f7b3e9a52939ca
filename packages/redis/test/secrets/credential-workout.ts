import { expect } from 'vitest'
import type { Workout } from '../services/workout.js'
import { BEFORE } from './keys.js'

const credentialOf = (n: number) => ({ token: `token-${n}`, scopes: [] })

export const credentialWorkout: Workout = {
  service: 'RedisCredentialService',
  open(client, connection, keyPrefix) {
    const service = new client.entry.RedisCredentialService(connection, {
      ...BEFORE,
      keyPrefix,
    })
    const userOf = (n: number) => `user-${n % 5}`
    const nameOf = (n: number) => `credential-${n}`
    const read = (n: number) => service.get(nameOf(n), userOf(n))
    const expectIndexed = async (n: number, there: boolean) => {
      const users = await service.getUsersWithCredential(nameOf(n))
      expect(users).toEqual(there ? [userOf(n)] : [])
      if (there) expect(await service.getAllUsers()).toContain(userOf(n))
    }
    return {
      init: () => service.init(),
      close: () => service.close(),
      write: (n) => service.set(nameOf(n), credentialOf(n), userOf(n)),
      async expectWritten(n) {
        expect(await read(n)).toEqual(credentialOf(n))
        await expectIndexed(n, true)
      },
      async expectWhole(n) {
        const value = await read(n)
        expect([null, credentialOf(n)]).toContainEqual(value)
        await expectIndexed(n, value !== null)
      },
    }
  },
}
