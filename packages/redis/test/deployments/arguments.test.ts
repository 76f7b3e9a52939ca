import { RedisArgumentError, RedisOptionsError } from '@pikku/redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, connectionOf } from '../clients.js'
import { Fixture } from './fixture.js'

const ENDPOINT = 'http://10.0.0.1:4000/base'

describe.each(CLIENTS)('arguments of a deployment over $client', (client) => {
  let fixture: Fixture

  beforeEach(async () => {
    fixture = await Fixture.open(client)
  })
  afterEach(() => fixture.end())

  test('what cannot be registered is refused before anything is sent', async () => {
    const service = fixture.create()
    const good = { deploymentId: 'd', endpoint: ENDPOINT, functions: ['f'] }
    const bad: Array<[object | undefined, RegExp]> = [
      [undefined, /must be an object/],
      [{ ...good, deploymentId: '' }, /deploymentId/],
      [{ ...good, deploymentId: 7 }, /deploymentId/],
      [{ ...good, deploymentId: '\ud800' }, /lone surrogate/],
      [{ ...good, endpoint: undefined }, /endpoint of deployment 'd'/],
      [{ ...good, endpoint: '10.0.0.1:80' }, /http or https/],
      [{ ...good, endpoint: 'ftp://h' }, /http or https/],
      [{ ...good, endpoint: 'http://h/?a=1' }, /query or fragment/],
      [{ ...good, endpoint: 'http://h/#a' }, /query or fragment/],
      [{ ...good, functions: 'f' }, /array of names/],
      [{ ...good, functions: ['f', ''] }, /function name/],
      [{ ...good, functions: [7] }, /function name/],
      [{ ...good, functions: ['..'] }, /'\.\.' cannot be/],
      [{ ...good, functions: ['\ud800'] }, /lone surrogate/],
    ]
    for (const [config, message] of bad) {
      const started = service.start(config as never)
      await expect(started).rejects.toBeInstanceOf(RedisArgumentError)
      await expect(started).rejects.toThrow(message)
    }
    const endpoint = 'http://user:geheim@h'
    const started = service.start({ ...good, endpoint })
    await expect(started).rejects.toThrow(/must not hold a user or password/)
    await expect(started).rejects.not.toThrow(/geheim/)
    expect(await fixture.left('d', ['f'])).toEqual([])
  })

  test('bad options are named', () => {
    const jwt = { encode: async () => '', decode: async () => ({}) }
    const bad: Array<[config: unknown, args: unknown[], message: RegExp]> = [
      [{ interval: 1 }, [], /'interval' is not an option/],
      ['redis://h', [], /connection is the second/],
      [{ heartbeatInterval: 0 }, [], /heartbeatInterval/],
      [{ heartbeatTtl: 10_000 }, [], /heartbeatTtl.*from 10001/],
      [{}, [{ prefix: 'p' }], /'prefix' is not an option/],
      [{}, [{ keyPrefix: '' }], /keyPrefix/],
      [{}, [{ invokeTimeoutMs: 0 }], /invokeTimeoutMs/],
      [{}, [{ callTimeoutMs: -1 }], /callTimeoutMs/],
      [{}, [{ jwt: {} }], /jwt must be an object with encode/],
      [{}, [{ jwt }, jwt], /jwt is an option and an argument/],
      [{}, ['p', undefined, {}], /secrets must be an object with getSecret/],
      [{}, [{ logger: 'console' }], /logger must be an object with warn/],
    ]
    for (const [config, args, message] of bad) {
      const create = () =>
        new client.entry.RedisDeploymentService(
          config,
          connectionOf(client),
          ...args
        )
      expect(create).toThrow(RedisOptionsError)
      expect(create).toThrow(message)
    }
  })
})
