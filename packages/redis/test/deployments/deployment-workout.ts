import type { RedisDeploymentService } from '@pikku/redis'
import { DeploymentKeys } from '@pikku/redis-core'
import { expect } from 'vitest'
import type { Workout } from '../services/workout.js'
import { CALM, Log } from './fixture.js'

const deploymentOf = (n: number) => ({
  deploymentId: `d-${n}`,
  endpoint: `http://10.0.0.1:${1_000 + n}`,
  functions: [`f-${n}`, 'shared'],
})

/** Each number is a deployment of its own, all on one connection. */
export const deploymentWorkout: Workout = {
  service: 'RedisDeploymentService',
  open(client, connection, keyPrefix) {
    const { RedisDeploymentService } = client.entry
    const options = { keyPrefix, logger: new Log() }
    const first = new RedisDeploymentService(CALM, connection, options)
    const { adapter } = first
    const keys = new DeploymentKeys(keyPrefix, adapter.topology)
    const services = new Map<number, RedisDeploymentService>()
    const serviceOf = (n: number) => {
      const service =
        services.get(n) ?? new RedisDeploymentService(CALM, adapter, options)
      services.set(n, service)
      return service
    }
    const send = (command: string, key: string, ...args: string[]) =>
      adapter.send({ key, args: [command, key, ...args] })
    const read = async (n: number) => {
      const { deploymentId, functions } = deploymentOf(n)
      const hash = keys.deploymentKey(deploymentId)
      const places = functions.map((f) => keys.functionKey(f))
      return Promise.all([
        send('HGET', hash, 'endpoint'),
        send('HGET', keys.endpoints, deploymentId),
        ...[...places, keys.deployments].map(
          async (key) => (await send('ZSCORE', key, deploymentId)) !== null
        ),
      ])
    }
    const whole = (n: number) => {
      const { endpoint } = deploymentOf(n)
      return [endpoint, endpoint, true, true, true]
    }
    return {
      init: () => first.init(),
      close: async () => {
        await Promise.all([...services.values()].map((each) => each.close()))
        await first.close()
      },
      write: (n) => serviceOf(n).start(deploymentOf(n)),
      expectWritten: async (n) => expect(await read(n)).toEqual(whole(n)),
      expectWhole: async (n) =>
        expect([[null, null, false, false, false], whole(n)]).toContainEqual(
          await read(n)
        ),
    }
  },
}
